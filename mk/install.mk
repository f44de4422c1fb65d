# man, install, uninstall, clean.
MAN       := $(TOOL_C:tools/%.c=$B/man/%.1)
# Pages are made where help2man is, and left out where it is not.
PAGES      = $(if $(shell command -v help2man),$(MAN),$(wildcard $(MAN)))
AT        := $(DESTDIR)$(PREFIX)
TOOL_NAMES := $(sort $(notdir $(TOOLS)))
COMPLETED := yolosens $(TOOL_NAMES)
# What yolosens needs of the repository: the makefile and its scripts, the tables that they read, the model and images to begin with.
SHARED_FILES = Makefile $(wildcard mk/*.mk mk/*.sh mk/*.awk mk/*.jq mk/*.txt mk/*.sha256 mk/step/* mk/page/*) \
    $(filter src/cell/% src/deploy/% src/base/%,$(wildcard src/*/*.def)) $(wildcard calib/*.md calib/*.txt calib/images/* calib/models/*)

man: $(MAN)

$(MAN): $B/man/%.1: $B/bin/% mk/man.sh $B/bin/file-put
	$(call say,MAN)
	$(Q)mk/man.sh $< $@ $(TOOL_NAMES)

ifneq ($(filter deps,$(MAKECMDGOALS)),)
$(MAN): | deps
endif

# The words of one kind in the table of variables.
kind_words = $(foreach v,$(VARIABLES),$(if $(filter word:% words:% ?word:%,$(firstword $(KIND_$v))),    $v@ echo "$(wordlist 2,99,$(subst :, ,$(KIND_$v)))" ;;\n))
$B/yolosens.bash: mk/completion.bash mk/config.mk mk/install.mk src/cell/dtypes.def src/deploy/targets.def
	$(call say,GEN)
	$(Q)sed 's/@GOALS@/$(GRID_GOALS) models help/; s/@VARIABLES@/$(filter-out $(QUIET_VARIABLES),$(VARIABLES))/; s/@TOOLS@/$(TOOL_NAMES)/' $< | \
	    sed '/@WORDS@/{s/.*/$(strip $(kind_words))/; s/@/)/g; s/\n */\n    /g; s/\n *$$//; s/^/    /}' >$@.part && mv -f $@.part $@

install: build $B/yolosens.bash
	@$(if $(PAGES),$(MAKE) -s --no-print-directory man)
	@install -d $(AT)/bin $(AT)/share/bash-completion/completions $(AT)/share/zsh/site-functions $(if $(PAGES),$(AT)/share/man/man1)
	$(Q)install -m 755 $(TOOLS) $(AT)/bin
	$(Q)sed "s/@GOALS@/$(GRID_GOALS) models/" mk/yolosens.sh >$(AT)/bin/.yolosens && chmod 755 $(AT)/bin/.yolosens && mv -f $(AT)/bin/.yolosens $(AT)/bin/yolosens
	$(Q)for f in $(SHARED_FILES); do install -D -m "$$([ -x "$$f" ] && echo 755 || echo 644)" "$$f" $(AT)/share/yolosens/"$$f" || exit 1; done
	$(Q)install -m 644 $B/yolosens.bash $(AT)/share/bash-completion/completions/yolosens
	$(Q)for t in $(TOOL_NAMES); do ln -sf yolosens $(AT)/share/bash-completion/completions/$$t || exit 1; done
	$(Q){ echo '#compdef $(COMPLETED)'; echo 'autoload -Uz bashcompinit && bashcompinit'; cat $B/yolosens.bash; } >$(AT)/share/zsh/site-functions/_yolosens
	$(if $(PAGES),$(Q)install -m 644 $(MAN) $(AT)/share/man/man1)
	@echo "installed in $(AT): yolosens, $(TOOL_NAMES), completion for bash and zsh$(if $(PAGES), and man pages,; no man pages: help2man is missing (make deps man install))"

uninstall:
	$(Q)rm -f $(COMPLETED:%=$(AT)/bin/%) $(COMPLETED:%=$(AT)/share/bash-completion/completions/%) $(AT)/share/zsh/site-functions/_yolosens $(MAN:$B/man/%=$(AT)/share/man/man1/%)
	$(Q)rm -rf $(AT)/share/yolosens
	@echo "removed from $(AT): yolosens, $(TOOL_NAMES), with their man pages and completion"

clean:
	rm -rf build
