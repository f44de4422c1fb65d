# Called from another folder: runs, models and the paths that are typed are of that folder, all else is done where the Makefile is.
AT_HOME := $(filter-out help $(GRID_GOALS) models,$(TARGETS)) build-tests

.PHONY: $(AT_HOME)
$(AT_HOME):
	+@exec $(MAKE) -s --no-print-directory -C $(YS) $@
