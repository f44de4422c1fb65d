# make deb: build/yolosens_VERSION_ARCH.deb, of what make install puts into /usr.
deb: build man $B/yolosens.bash
	$(Q)MAKE=$(call quote,$(MAKE)) B=$B mk/deb.sh
