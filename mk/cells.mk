# The rules of every grid.mk, which begins with the run's settings and cells (src/grid/prepare.c). cells_MODEL holds a model's
# cells, each with the digest of what its scores are made from; work/made/MODEL/CELL, what they were made from.
#
# Whether a file is out of date is judged by digests, by this and by grid-plan: behind a | time stamps remake nothing. What cannot be
# made leaves its reason in work/failed/MODEL/CELL, and the steps after it go on with the other cells of its pass; the last step, which
# records all of them, fails if one did. A step fails itself when it is interrupted.
MAKEFLAGS += --no-builtin-rules
export BIN ?= $(YS)build/bin
export DEVICE ?= $(KIND)
export CORES ?= $(shell nproc)
export THREADS ?= $(CORES)
export TMPDIR ?= $(RUN)/work/scratch
CELLS_PER_PROCESS ?= all
SHARDS ?= 1

cell = $(firstword $(subst =, ,$1))
folders := $(foreach m,$(models),$(foreach c,$(cells_$m),outputs/$m/$(call cell,$c)))
measured := $(folders:outputs/%=verify/%)
.PHONY: all FORCE verify $(folders) $(measured)

ifeq ($(LOCKED)$(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),)
# By hand: one at a time in a run.
all verify $(folders) $(measured):
	+@mkdir -p work/scratch && flock -n -E 3 lock sh -c '(cd "$$TOP" && "$$YS"mk/step/hands.sh "$$RUN") && exec env LOCKED=1 "$$@"' sh $(MAKE) --no-print-directory -f grid.mk $@ || \
	    { status=$$?; [ $$status -ne 3 ] || echo "in use by $$(cat lock)" >&2; exit $$status; }
else
all: $(folders)
verify: $(measured)

# $(call scored,MODEL,CELL=DIGEST): not empty where the scores are there, made from what they would be made from now.
scored = $(and $(wildcard outputs/$1/$(call cell,$2)/scores.json),$(filter %=$(file <work/made/$1/$(call cell,$2)),$2))
finished = $(and $(call scored,$1,$2),$(wildcard outputs/$1/$(call cell,$2)/status.json))
artifacts = $(foreach a,$(ARTIFACTS),outputs/$1/$2/$(if $(filter _%,$a),$1_w$(subst -,_a,$(subst /,_,$2)))$a)

# $(call by,HOW MANY,FUNCTION,MODEL,CELLS): calls FUNCTION for so many cells at a time, or all.
first = $(if $(filter all,$1),$2,$(wordlist 1,$1,$2))
others = $(if $(filter all,$1),,$(wordlist $(words x $(call first,$1,$2)),$(words $2),$2))
by = $(if $(strip $4),$(call $2,$3,$(strip $(call first,$1,$4)))$(call by,$1,$2,$3,$(call others,$1,$4)))

# With SHARDS=K, K processes score a part of the images each; the one that makes the scores joins their sums, and scores what is
# still lacking.
shards = $(if $(filter-out 1,$(SHARDS)),$(addprefix shard/$(words $(turns))/,$(shell seq $(SHARDS))))
score_needs = work/model/$1 $(if $(filter cpu,$(KIND)),work/amax/$1.json work/calib.bin)
define shard_rule
.PHONY: $3
$3: shard/$(words $(turns))/%: | $(score_needs)
	@TURN=$$* SHARD=$$*/$(SHARDS) exec "$$$$YS"mk/step/score.sh $1 $2
endef

# The rules of cells that are not finished: all that comes after scores is made anew.
define score_rule
.PRECIOUS: $(2:%=outputs/$1/%/scores.json)
$(2:%=outputs/$1/%/scores.json) &: FORCE | $(score_needs) $3
	@TURN=$(words $(turns)) exec "$$$$YS"mk/step/score.sh $1 $2
$(if $3,$(call shard_rule,$1,$2,$3))
endef
define finish_rules
.PRECIOUS: $(foreach c,$2,outputs/$1/$c/recipe.json outputs/$1/$c/status.json $(call artifacts,$1,$c))
$(2:%=outputs/$1/%/recipe.json) &: FORCE $(2:%=outputs/$1/%/scores.json)
	@exec "$$$$YS"mk/step/solve.sh $1 $2
$(foreach c,$2,$(call artifacts,$1,$c)) &: FORCE $(2:%=outputs/$1/%/recipe.json)
	@exec "$$$$YS"mk/step/report.sh $1 $2
$(2:%=outputs/$1/%/status.json) &: FORCE $(foreach c,$2,$(call artifacts,$1,$c))
	@exec "$$$$YS"mk/step/record.sh $(2:%=$1/%)
endef
finish = $(eval $(call finish_rules,$1,$2))
# Where there are several GPUs, each process begins with the next one. A GPU leaves the processors free: what comes after the scores
# is shared among them.
score = $(eval turns += x)$(eval $(call score_rule,$1,$2,$(shards)))$(call by,$(if $(filter cpu,$(KIND)),all,6),finish,$1,$2)

$(foreach m,$(models),\
    $(eval todo_$m := $(foreach c,$(cells_$m),$(if $(call scored,$m,$c),,$(call cell,$c))))\
    $(eval again_$m := $(foreach c,$(cells_$m),$(if $(call scored,$m,$c),$(if $(call finished,$m,$c),,$(call cell,$c)))))\
    $(call by,$(CELLS_PER_PROCESS),score,$m,$(todo_$m))$(call by,all,finish,$m,$(again_$m)))
$(folders): outputs/%: outputs/%/status.json
# Only what is asked for, after all is scored; damage-measure knows itself what is up to date.
$(foreach m,$(models),$(eval $(filter verify/$m/%,$(measured)): | work/amax/$m.json))
# With SHARDS=K, K processes measure a part of a cell's layers each.
ifneq ($(SHARDS),1)
PARTS := $(patsubst %,part/%,$(shell seq $(SHARDS)))
parts := $(foreach k,$(PARTS),$(measured:%=$k/%))
.PHONY: $(parts)
$(foreach m,$(models),$(eval $(foreach k,$(PARTS),$(patsubst %,$k/%,$(filter verify/$m/%,$(measured)))): | work/amax/$m.json))
$(foreach v,$(measured),$(eval $v: | $(PARTS:%=%/$v)))
slot = $(word $1,$(subst /, ,$@))
$(parts): | work/calib.bin
	@SHARD=$(call slot,2)/$(SHARDS) exec "$$YS"mk/step/verify.sh $(call slot,4) $(call slot,5)/$(call slot,6)
endif
$(measured): verify/%: | work/calib.bin
	@exec "$$YS"mk/step/verify.sh $(firstword $(subst /, ,$*)) $(patsubst $(firstword $(subst /, ,$*))/%,%,$*)

# Where one thing is done at a time, the images are decoded while the first model that needs them is calibrated; side by side, others
# would wait for that model too.
FIRST := $(firstword $(foreach m,$(models),$(if $(todo_$m),$m)))
ifneq ($(and $(FIRST),$(if $(given_jobs)$(value LAUNCHER)$(filter-out 1,$(SHARDS)),,1)),)
work/calib.bin work/amax/$(FIRST).json &: | work/model/$(FIRST)
	@exec "$$YS"mk/step/amax.sh $(FIRST)
else
work/calib.bin:
	@exec "$$YS"mk/step/calib.sh
FIRST :=
endif
# With SHARDS=K, a part of the images each, as scores.
amax_shards = $(if $(filter-out 1,$(SHARDS)),$(if $(filter cpu,$(KIND)),$(if $(wildcard work/amax/$1.json),,$(addprefix amax-shard/$1/,$(shell seq $(SHARDS))))))
define amax_rules
work/amax/$1.json: | work/model/$1 work/calib.bin $2
	@exec "$$$$YS"mk/step/amax.sh $1
$(if $2,.PHONY: $2
$2: amax-shard/$1/%: | work/model/$1 work/calib.bin
	@SHARD=$$*/$(SHARDS) exec "$$$$YS"mk/step/amax.sh $1)
endef
$(foreach m,$(filter-out $(FIRST),$(models)),$(eval $(call amax_rules,$m,$(call amax_shards,$m))))
endif
