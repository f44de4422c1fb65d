# make models: the official checkpoints, from the release assets of THU-MIG's repository. MODELS= on the command line
# chooses some of them, or of ultralytics', which come from the release that ultralytics 8.4 itself downloads from. MODELS_URL is
# where both come from.
ULTRALYTICS_URL := https://github.com/ultralytics/assets/releases/download/v8.4.0

models:
	@MODEL_DIR=$(call quote,$(MODEL_DIR)) URL=$(call quote,$(MODELS_URL)) \
	    ULTRALYTICS_URL=$(call quote,$(if $(call given,MODELS_URL),$(MODELS_URL),$(ULTRALYTICS_URL))) \
	    YS=$(call quote,$(YS)) $(YS)mk/models.sh $(if $(call given,MODELS),$(MODELS),$(YOLOV10_MODELS))

# In one call, what is downloaded is there for what comes after it.
ifneq ($(filter models,$(MAKECMDGOALS)),)
sweep cell plan bench bench-modelopt: | models
endif
