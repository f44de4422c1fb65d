# make deps. With DEVICE=cuda, also CUDA's compiler. With test in the same call, also what only the tests need: libtorch, which results are compared with, and a browser.
deps:
	@CC=$(call quote,$(CC)) CXX=$(call quote,$(CXX)) CFLAGS=$(call quote,$(CFLAGS)) CXXFLAGS=$(call quote,$(CXXFLAGS) $(TORCH_INC)) \
	    mk/deps.sh build $(if $(filter test,$(MAKECMDGOALS)),test page) $(if $(filter test man install,$(MAKECMDGOALS)),man) $(if $(CUDA),cuda)
	$(if $(CUDA),@mk/cuda-deps.sh $(call quote,$(CUDA_HOME)) $(CUDA_ENV))
