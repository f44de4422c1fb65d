# make deps. With test in the same call, also what only the tests need: libtorch, which results are compared with, and a
# browser; with fuzz, clang.
deps:
	@CC=$(call quote,$(CC)) CXX=$(call quote,$(CXX)) CFLAGS=$(call quote,$(CFLAGS)) CXXFLAGS=$(call quote,$(CXXFLAGS) $(TORCH_INC)) \
	    mk/deps.sh build $(if $(filter test,$(MAKECMDGOALS)),test page) $(if $(filter fuzz,$(MAKECMDGOALS)),fuzz) $(if $(filter test man install,$(MAKECMDGOALS)),man)
