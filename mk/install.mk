# man, install, uninstall, clean.
MAN       := $(TOOL_C:tools/%.c=$B/man/%.1)
INSTALLED  = $(TOOLS:$B/bin/%=$(DESTDIR)$(PREFIX)/bin/%) $(MAN:$B/man/%=$(DESTDIR)$(PREFIX)/share/man/man1/%)

man: $(MAN)

$(MAN): $B/man/%.1: $B/bin/% mk/man.sh $B/bin/file-put
	$(call say,MAN)
	$(Q)mk/man.sh $< $@ $(sort $(notdir $(TOOLS)))

ifneq ($(filter deps,$(MAKECMDGOALS)),)
$(MAN): | deps
endif

install: build man
	@install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	$(Q)install -m 755 $(TOOLS) $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 644 $(MAN) $(DESTDIR)$(PREFIX)/share/man/man1
	@echo "installed in $(DESTDIR)$(PREFIX): $(sort $(notdir $(TOOLS))) and their man pages"

uninstall:
	$(Q)rm -f $(INSTALLED)
	@echo "removed from $(DESTDIR)$(PREFIX): $(sort $(notdir $(TOOLS))) and their man pages"

clean:
	rm -rf build
