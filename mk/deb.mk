# make deb: build/yolosens_VERSION_ARCH.deb, of what make install puts into /usr.
VERSION := $(shell sed -n 's/.*"\([0-9.]*\)".*/\1/p' src/base/version.h)

deb: build man $B/yolosens.bash
	$(Q)VERSION=$(VERSION) MAKE=$(call quote,$(MAKE)) B=$B mk/deb.sh
