# make deps. With DEVICE=cuda, also CUDA's compiler. With test in the same call, also what only the tests need: libtorch, which
# results are compared with, and a browser; with fuzz, clang.
deps:
	@CC=$(call quote,$(CC)) CXX=$(call quote,$(CXX)) CFLAGS=$(call quote,$(CFLAGS)) CXXFLAGS=$(call quote,$(CXXFLAGS) $(TORCH_INC)) \
	    mk/deps.sh build $(strip $(if $(filter test,$(MAKECMDGOALS)),test extra) \
	    $(if $(filter test man install,$(MAKECMDGOALS)),man) $(if $(filter test-long,$(MAKECMDGOALS)),long) $(if $(filter fuzz,$(MAKECMDGOALS)),fuzz) $(if $(CUDA),cuda))
	$(if $(CUDA),@mk/cuda-deps.sh $(call quote,$(CUDA_HOME)) $(CUDA_ENV))
