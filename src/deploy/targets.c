#include "deploy/target.h"

#include "base/json.h"
#include "base/name.h"
#include "base/version.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool target_modelopt_leaves(const int shape[SCORES_WEIGHT_DIMS], int groups, bool first, bool fp8) {
    enum { SMALL = 16, MULTIPLE = 8, KERNEL_MAX = 32 };
    const int out = shape[0], in = shape[1], kh = shape[2], kw = shape[3];
    if (out < SMALL || in < SMALL) {
        if (fp8)
            return true;
        if (groups > 1)
            return out % MULTIPLE != 0 || kh < 3 || kw < 3;
        return (out % MULTIPLE != 0 && in % MULTIPLE != 0) || (!first && out < SMALL && in < SMALL) ||
               kh != kw;
    }
    return fp8 && (kh * kw > KERNEL_MAX || out <= SMALL || in <= SMALL);
}

/* ---- texts as shells and languages take them ---- */

/* A word of a shell's command line. */
static void put_shell(FILE *f, const char *s) {
    fputc('\'', f);
    for (; *s; s++)
        if (*s == '\'')
            fputs("'\\''", f);
        else
            fputc(*s, f);
    fputc('\'', f);
}

/* Whether a word means itself everywhere: in a shell, and as a plain scalar of YAML. */
static bool is_plain(const char *s) {
    return *s && *s != '-' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-") == strlen(s);
}

static void put_word(FILE *f, const char *s) {
    if (is_plain(s))
        fputs(s, f);
    else
        put_shell(f, s);
}

/* The same of a regular expression that matches this name alone. */
static void put_pattern(FILE *f, const char *s) {
    fputc('\'', f);
    for (; *s; s++) {
        if (strchr(".^$*+?{}[]\\|()", *s))
            fputc('\\', f);
        if (*s == '\'')
            fputs("'\\'", f);
        fputc(*s, f);
    }
    fputs("$'", f);
}

/* A string of Python, or of JSON. */
static void put_string(FILE *f, const char *s) {
    fputc('"', f);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            fputc('\\', f);
        fputc(*s, f);
    }
    fputc('"', f);
}

/* A key of YAML. */
static void put_key(FILE *f, const char *s) {
    if (is_plain(s)) {
        fputs(s, f);
        return;
    }
    fputc('\'', f);
    for (; *s; s++) {
        fputc(*s, f);
        if (*s == '\'')
            fputc('\'', f);
    }
    fputc('\'', f);
}

/* ---- files ---- */

/* The model's file and what is made of it: the user's, or NAME.onnx. */
static char *file_name(const struct deploy *d, const char *insert, struct err *err) {
    const char *onnx = d->request.onnx_path;
    const size_t n = onnx ? strlen(onnx) : 0;
    char *name;
    if (onnx && strcmp(onnx, "-") != 0)
        name_format(&name, err, "%.*s%s.onnx", (int)(n > 5 && strcmp(onnx + n - 5, ".onnx") == 0 ? n - 5 : n),
                    onnx, insert);
    else
        name_format(&name, err, "%s%s.onnx", d->request.scores->name.model, insert);
    return name;
}

struct files {
    char *in, *out, *engine;
};

static int name_files(const struct deploy *d, struct files *files, struct err *err) {
    const bool fp8 = strcmp(d->request.scores->name.weight, "fp8") == 0;
    *files = (struct files){.in = file_name(d, "", err), .out = file_name(d, fp8 ? ".fp8" : ".int8", err)};
    if (files->in && files->out)
        name_format(&files->engine, err, "%.*s.engine", (int)(strlen(files->out) - strlen(".onnx")),
                    files->out);
    return files->engine ? 0 : -1;
}

static void free_files(struct files *files) {
    free(files->in);
    free(files->out);
    free(files->engine);
}

static void put_calibration(const struct deploy *d, FILE *f) {
    const struct scores *s = d->request.scores;
    fputs("# calib.npy, images to calibrate on: calib-prep --npy --list LIST", f);
    if (s->calibration_images)
        fprintf(f, " --count %ld", s->calibration_images);
    if (s->imgsz)
        fprintf(f, " --size %ld", s->imgsz);
    fputs(" -o calib.npy\n", f);
}

typedef void put_fn(FILE *f, const char *s);

/* Where the words for one convolution begin and end. */
static void mark(const struct deploy *d, FILE *f, char c) {
    if (d->marked)
        fputc(c, f);
}

/* What is kept, each put by itself between these. */
static void put_kept(const struct deploy *d, FILE *f, const char *before, put_fn *put, const char *after) {
    for (size_t i = 0; i < d->n; i++)
        if (d->convs[i].kept) {
            mark(d, f, DEPLOY_BEGIN);
            fputs(before, f);
            put(f, d->convs[i].node);
            fputs(after, f);
            mark(d, f, DEPLOY_END);
        }
}

static void put_plain(FILE *f, const char *s) {
    fputs(s, f);
}

static bool any_kept(const struct deploy *d) {
    for (size_t i = 0; i < d->n; i++)
        if (d->convs[i].kept)
            return true;
    return false;
}

/* ---- targets ---- */

static void put_modelopt_onnx(const struct deploy *d, FILE *f, const struct files *files) {
    put_calibration(d, f);
    fputs("python -m modelopt.onnx.quantization --onnx_path ", f);
    put_word(f, files->in);
    fprintf(f, " --quantize_mode %s", d->request.scores->name.weight);
    fputs(" --calibration_data_path calib.npy --calibration_method max --high_precision_dtype fp16", f);
    if (any_kept(d))
        fputs(" \\\n    --nodes_to_exclude", f);
    put_kept(d, f, " \\\n        ", put_pattern, "");
    fputs(" \\\n    --output_path ", f);
    put_word(f, files->out);
    fputc('\n', f);
}

static int print_modelopt_onnx(const struct deploy *d, FILE *f, struct err *err) {
    struct files files;
    int ret = name_files(d, &files, err);
    if (!ret)
        put_modelopt_onnx(d, f, &files);
    free_files(&files);
    return ret;
}

static int print_tensorrt11(const struct deploy *d, FILE *f, struct err *err) {
    struct files files;
    int ret = name_files(d, &files, err);
    if (!ret) {
        put_modelopt_onnx(d, f, &files);
        fputs("trtexec --onnx=", f);
        put_word(f, files.out);
        fputs(" --saveEngine=", f);
        put_word(f, files.engine);
        fputc('\n', f);
    }
    free_files(&files);
    return ret;
}

/* An option of trtexec that gives layers a type: NAME:fp16,... */
static void put_types(const struct deploy *d, FILE *f, const char *option) {
    const char *between = "";
    fprintf(f, " \\\n    --%s='", option);
    for (size_t i = 0; i < d->n; i++)
        if (d->convs[i].kept) {
            fputs(between, f);
            mark(d, f, DEPLOY_BEGIN);
            fprintf(f, "%s:fp16", d->convs[i].node);
            mark(d, f, DEPLOY_END);
            between = ",";
        }
    fputc('\'', f);
}

static int print_trtexec10(const struct deploy *d, FILE *f, struct err *err) {
    struct files files;
    for (size_t i = 0; i < d->n; i++)
        if (d->convs[i].kept && strpbrk(d->convs[i].node, ",:'*"))
            return err_set(err, ERR_FAILED,
                           "trtexec cannot be told of node %s: its name holds one of , : ' *",
                           d->convs[i].node);
    int ret = name_files(d, &files, err);
    if (!ret) {
        fputs("trtexec --onnx=", f);
        put_word(f, files.in);
        fputs(" --int8 --fp16", f);
        if (any_kept(d)) {
            fputs(" --precisionConstraints=obey", f);
            put_types(d, f, "layerPrecisions");
            put_types(d, f, "layerOutputTypes");
        }
        fputc('\n', f);
    }
    free_files(&files);
    return ret;
}

static void put_names(const struct deploy *d, FILE *f) {
    fputc('[', f);
    put_kept(d, f, "\n    ", put_string, ",");
    fputs(any_kept(d) ? "\n]" : "]", f);
}

static void put_assignment(FILE *f, const char *variable, const char *s) {
    fprintf(f, "%s = ", variable);
    put_string(f, s);
    fputc('\n', f);
}

static int print_onnxruntime(const struct deploy *d, FILE *f, struct err *err) {
    struct files files;
    int ret = name_files(d, &files, err);
    if (!ret) {
        put_calibration(d, f);
        fputs("import numpy\n"
              "import onnx\n"
              "from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, "
              "quantize_static\n\n",
              f);
        put_assignment(f, "model", files.in);
        put_assignment(f, "quantized", files.out);
        fputs("keep = ", f);
        put_names(d, f);
        fputs("\n\n\n"
              "class Images(CalibrationDataReader):\n"
              "    def __init__(self):\n"
              "        self.input = onnx.load(model, load_external_data=False).graph.input[0].name\n"
              "        self.images = iter(numpy.load(\"calib.npy\", mmap_mode=\"r\"))\n\n"
              "    def get_next(self):\n"
              "        image = next(self.images, None)\n"
              "        return None if image is None else {self.input: image[None]}\n\n\n"
              "# op_types_to_quantize: what was scored\n"
              "quantize_static(model, quantized, Images(), quant_format=QuantFormat.QDQ, per_channel=True,\n"
              "                weight_type=QuantType.QInt8, activation_type=QuantType.QInt8,\n"
              "                op_types_to_quantize=[\"Conv\"], nodes_to_exclude=keep)\n",
              f);
    }
    free_files(&files);
    return ret;
}

static int print_nncf(const struct deploy *d, FILE *f, struct err *err) {
    struct files files;
    int ret = name_files(d, &files, err);
    if (!ret) {
        put_calibration(d, f);
        fputs("import nncf\n"
              "import numpy\n"
              "import onnx\n\n"
              "model = onnx.load(",
              f);
        put_string(f, files.in);
        fputs(")\nkeep = ", f);
        put_names(d, f);
        fputs("\nimages = numpy.load(\"calib.npy\", mmap_mode=\"r\")\n"
              "ds = nncf.Dataset(images, lambda image: {model.graph.input[0].name: image[None]})\n"
              "quantized = nncf.quantize(model, ds, ignored_scope=nncf.IgnoredScope(names=keep))\n"
              "onnx.save(quantized, ",
              f);
        put_string(f, files.out);
        fputs(")\n", f);
    }
    free_files(&files);
    return ret;
}

static int print_rknn(const struct deploy *d, FILE *f, struct err *err) {
    (void)err;
    fputs("# In MODEL.quantization.cfg of hybrid_quantization_step1, in the place of custom_quantize_layers: "
          "{}. Layers are\n"
          "# named by what they make, as that file names them.\n",
          f);
    fprintf(f, "custom_quantize_layers:%s\n", any_kept(d) ? "" : " {}");
    for (size_t i = 0; i < d->n; i++)
        if (d->convs[i].kept) {
            mark(d, f, DEPLOY_BEGIN);
            fputs("    ", f);
            put_key(f, d->convs[i].output);
            fputs(": float16\n", f);
            mark(d, f, DEPLOY_END);
        }
    return 0;
}

/* Whether another layer's name goes on after this one's, so that a pattern must end it. */
static bool is_beginning(const struct scores *s, size_t layer) {
    const char *name = s->layers[layer].name;
    const size_t n = strlen(name);
    for (size_t i = 0; i < s->n_layers; i++)
        if (i != layer && strncmp(s->layers[i].name, name, n) == 0)
            return true;
    return false;
}

/* Each kept layer by its torch name, as a pattern of fnmatch. */
static void put_patterns(const struct deploy *d, FILE *f, const char *before, const char *middle,
                         const char *after) {
    const struct scores *s = d->request.scores;
    for (size_t i = 0; i < d->n; i++) {
        if (!d->convs[i].kept)
            continue;
        mark(d, f, DEPLOY_BEGIN);
        for (int k = 0; k < d->convs[i].n_layers; k++) {
            const size_t layer = d->convs[i].layers[k];
            fprintf(f, "%s\"%s%s%s\"%s\n", before, s->layers[layer].name, is_beginning(s, layer) ? "." : "",
                    middle, after);
        }
        mark(d, f, DEPLOY_END);
    }
}

static int check_patterns(const struct deploy *d, struct err *err) {
    for (size_t i = 0; i < d->n; i++) {
        const char *name = d->request.scores->layers[d->convs[i].layers[0]].name;
        if (d->convs[i].kept && strpbrk(name, "*?[]\"\\"))
            return err_set(err, ERR_FAILED,
                           "layer %s cannot stand in a pattern: its name holds one of * ? [ ] \" \\", name);
    }
    return 0;
}

static int print_modelopt_torch(const struct deploy *d, FILE *f, struct err *err) {
    if (check_patterns(d, err))
        return -1;
    fputs("# ModelOpt 0.44 and newer: at the end of config[\"quant_cfg\"], before mtq.quantize(model, "
          "config, ...)\n"
          "quant_cfg += [\n",
          f);
    put_patterns(d, f, "    {\"quantizer_name\": ", "*quantizer", ", \"enable\": False},");
    fputs("]\n", f);
    return 0;
}

static int print_modelopt_torch_old(const struct deploy *d, FILE *f, struct err *err) {
    if (check_patterns(d, err))
        return -1;
    fputs("# ModelOpt before 0.44: in config[\"quant_cfg\"], before mtq.quantize(model, config, ...)\n", f);
    put_patterns(d, f, "quant_cfg[", "*", "] = {\"enable\": False}");
    return 0;
}

static int print_plain(const struct deploy *d, FILE *f, struct err *err) {
    (void)err;
    put_kept(d, f, "", put_plain, "\n");
    return 0;
}

static void add_conv(struct json_builder *b, const struct deploy *d, const struct deploy_conv *c) {
    json_open_object(b, NULL);
    json_open_array(b, "layers");
    for (int k = 0; k < c->n_layers; k++)
        json_add_string(b, NULL, d->request.scores->layers[c->layers[k]].name);
    json_close(b);
    json_add_string(b, "node", c->node);
    json_add_string(b, "output", c->output);
    json_add_real(b, "share", d->total > 0 ? c->value / d->total : 0);
    json_close(b);
}

static int print_tree(cJSON *tree, FILE *f, struct err *err) {
    char *text = json_text(tree);
    cJSON_Delete(tree);
    if (!text)
        return err_nomem(err);
    fputs(text, f);
    free(text);
    return 0;
}

static int print_json(const struct deploy *d, FILE *f, struct err *err) {
    const struct cell_name *name = &d->request.scores->name;
    struct json_builder b = json_builder();
    cJSON *tree;
    json_add_string(&b, "model", name->model);
    json_add_string(&b, "weight", name->weight);
    json_add_string(&b, "activation", name->act);
    json_add_string(&b, "granularity", name->granularity);
    json_add_string(&b, "rank", rank_words[d->request.rank]);
    json_open_array(&b, "keep");
    for (size_t i = 0; i < d->n; i++)
        if (d->convs[i].kept)
            add_conv(&b, d, &d->convs[i]);
    json_close(&b);
    json_add_real(&b, "effective_bits", deploy_bits(d));
    json_add_string(&b, "scores_digest", d->request.scores->digest);
    json_add_string(&b, "version", YOLOSENS_VERSION);
    return json_built(&b, &tree, err) ? -1 : print_tree(tree, f, err);
}

static int print_recipe(const struct deploy *d, FILE *f, struct err *err) {
    const struct scores *s = d->request.scores;
    struct mix_format format;
    struct mix mix = {.model = s->name.model,
                      .rank = rank_words[d->request.rank],
                      .checkpoint_digest = s->checkpoint_digest,
                      .loss = NAN,
                      .fold = s->fold,
                      .formats = &format,
                      .n_formats = 1,
                      .choice = calloc(s->n_layers, sizeof *mix.choice),
                      .effective_bits = deploy_bits(d)};
    cJSON *tree;
    if (!mix.choice)
        return err_nomem(err);
    mix_set_format(&format, s);
    for (size_t i = 0; i < d->n; i++) {
        const struct deploy_conv *c = &d->convs[i];
        const struct qcfg *qcfg = c->kept ? NULL : &s->qcfg;
        mix.bit_operations += c->macs < 0 ? NAN : c->macs * mix_weight_bits(qcfg) * mix_act_bits(qcfg);
        for (int k = 0; k < c->n_layers; k++)
            mix.choice[c->layers[k]] = c->kept;
    }
    int ret = mix_to_json(s, &mix, &tree, err);
    free(mix.choice);
    return ret ? -1 : print_tree(tree, f, err);
}

const struct deploy_target deploy_targets[] = {
#define TARGET(word, ...) {word, __VA_ARGS__},
#include "deploy/targets.def"
#undef TARGET
    {0}};

int deploy_find_target(const char *word, const struct deploy_target **target, struct err *err) {
    char words[512] = "";
    for (*target = deploy_targets; (*target)->word; (*target)++) {
        if (strcmp((*target)->word, word) == 0)
            return 0;
        snprintf(words + strlen(words), sizeof words - strlen(words), "%s%s", *words ? ", " : "",
                 (*target)->word);
    }
    return err_set(err, ERR_USAGE, "\"%s\" is no target; there are %s", word, words);
}

void deploy_print_targets(FILE *f) {
    for (const struct deploy_target *t = deploy_targets; t->word; t++)
        fprintf(f, "%-18s %s\n", t->word, t->what);
}

int deploy_print(const struct deploy *d, FILE *f, struct err *err) {
    return d->request.target->print(d, f, err);
}
