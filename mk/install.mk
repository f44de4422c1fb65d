# make install, uninstall, clean.
INSTALLED = $(TOOLS:$B/bin/%=$(DESTDIR)$(PREFIX)/bin/%)

install: build
	@mkdir -p $(DESTDIR)$(PREFIX)/bin
	@install -m 755 $(TOOLS) $(DESTDIR)$(PREFIX)/bin
	@echo "installed in $(DESTDIR)$(PREFIX)/bin: $(notdir $(TOOLS))"

uninstall:
	@rm -f $(INSTALLED)
	@echo "removed from $(DESTDIR)$(PREFIX)/bin: $(notdir $(TOOLS))"

clean:
	rm -rf build
