# make models: the official checkpoints, from the release assets of THU-MIG's repository. MODELS= on the command line
# chooses some of them.

models:
	@MODEL_DIR=$(call quote,$(MODEL_DIR)) URL=$(call quote,$(MODELS_URL)) mk/models.sh $(if $(call given,MODELS),$(MODELS),$(OFFICIAL_MODELS))

# In one call, what is downloaded is there for what comes after it.
ifneq ($(filter models,$(MAKECMDGOALS)),)
sweep cell plan bench bench-modelopt: | models
endif
