# make models: the official checkpoints, from the release assets of THU-MIG's repository. MODELS= on the command line
# chooses some of them.
OFFICIAL_MODELS := yolov10n yolov10s yolov10m yolov10b yolov10l yolov10x

models:
	@MODEL_DIR=$(call quote,$(MODEL_DIR)) URL=$(call quote,$(MODELS_URL)) OFFICIAL="$(OFFICIAL_MODELS)" \
	    mk/models.sh $(if $(call given,MODELS),$(MODELS),$(OFFICIAL_MODELS))
