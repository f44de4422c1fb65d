# make deps. The one list of what a build needs, as Debian 12 calls it, and what others call the same.
DEBIAN_PACKAGES := gcc g++ make libtorch-dev libcjson-dev libyaml-dev libzip-dev libjpeg-dev libpng-dev libglpk-dev libssl-dev jq curl ca-certificates
FEDORA_PACKAGES := gcc gcc-c++ make cjson-devel libyaml-devel libzip-devel libjpeg-turbo-devel libpng-devel glpk-devel openssl-devel jq
ARCH_PACKAGES   := base-devel python-pytorch cjson libyaml libzip libjpeg-turbo libpng glpk openssl jq
CONDA_PACKAGES  := c-compiler cxx-compiler make libtorch cjson yaml libzip libjpeg-turbo libpng glpk openssl jq
# What the tests use if they find it: the page's a browser. Installed for `make deps test` only, since it is large.
DEBIAN_TEST_PACKAGES := chromium
# What `make deps fuzz` needs beside.
DEBIAN_FUZZ_PACKAGES := clang libclang-rt-dev

deps:
	@DEBIAN="$(DEBIAN_PACKAGES)$(if $(filter fuzz,$(MAKECMDGOALS)), $(DEBIAN_FUZZ_PACKAGES))" OPTIONAL="$(if $(filter test,$(MAKECMDGOALS)),$(DEBIAN_TEST_PACKAGES))" FEDORA="$(FEDORA_PACKAGES)" ARCH="$(ARCH_PACKAGES)" CONDA="$(CONDA_PACKAGES)" mk/deps.sh
