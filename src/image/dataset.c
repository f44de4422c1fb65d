#define _GNU_SOURCE
#include "image/dataset.h"

#include "base/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

struct reading {
    struct dataset *data;
    const char *file;
    yaml_document_t document;
    char *root; /* the folder that the splits are in */
};

/* The text of a node; NULL: it has none, or one that no path has. */
static const char *text_of(const yaml_node_t *node) {
    const char *text = node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
    return *text && strlen(text) == node->data.scalar.length ? text : NULL;
}

static yaml_node_t *member(struct reading *r, const char *key) {
    yaml_node_t *root = yaml_document_get_root_node(&r->document);
    if (!root || root->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top; p++) {
        const char *name = text_of(yaml_document_get_node(&r->document, p->key));
        if (name && strcmp(name, key) == 0)
            return yaml_document_get_node(&r->document, p->value);
    }
    return NULL;
}

/* Sets *joined, the caller's, to a path as it stands in a folder; whether it is there. */
static int join(const char *folder, const char *path, char **joined, bool *there, struct err *err) {
    if (*path == '/' ? !(*joined = strdup(path)) && err_nomem(err)
                     : name_format(joined, err, "%s/%s", folder, path))
        return -1;
    *there = access(*joined, F_OK) == 0;
    return 0;
}

static int find_root(struct reading *r, struct err *err) {
    const char *slash = strrchr(r->file, '/'), *path = text_of(member(r, "path"));
    char *own = slash ? strndup(r->file, (size_t)(slash - r->file) + 1) : strdup(".");
    bool there;
    if (!own)
        return err_nomem(err);
    if (!path) {
        r->root = own;
        return 0;
    }
    int ret = join(own, path, &r->root, &there, err);
    free(own);
    if (ret || there)
        return ret;
    free(r->root);
    if (!(r->root = strdup(path)))
        return err_nomem(err);
    return access(path, F_OK) ? err_set(err, ERR_FAILED,
                                        "%s: path: %s: no such folder, neither beside this file nor here; "
                                        "write the whole path of the data set",
                                        r->file, path)
                              : 0;
}

static int add(struct reading *r, const yaml_node_t *node, struct err *err) {
    const char *path = text_of(node);
    bool there;
    char *place;
    if (!path)
        return err_set(err, ERR_FAILED, "%s:%zu: val: not the path of a folder or list", r->file,
                       node ? node->start_mark.line + 1 : 0);
    if (join(r->root, path, &place, &there, err))
        return -1;
    if (!there && strncmp(path, "../", 3) == 0) {
        free(place);
        if (join(r->root, path + 3, &place, &there, err))
            return -1;
    }
    char **places = there ? realloc(r->data->places, (r->data->count + 1) * sizeof *places) : NULL;
    if (!places) {
        free(place);
        return there ? err_nomem(err)
                     : err_set(err, ERR_FAILED, "%s: val: %s: no such folder or list in %s", r->file, path,
                               r->root);
    }
    r->data->places = places;
    places[r->data->count++] = place;
    return 0;
}

static int add_split(struct reading *r, struct err *err) {
    const yaml_node_t *val = member(r, "val");
    if (!val)
        return err_set(err, ERR_FAILED, "%s: has no val, the images that a data set's models are judged by",
                       r->file);
    if (val->type != YAML_SEQUENCE_NODE)
        return add(r, val, err);
    int ret = 0;
    for (yaml_node_item_t *i = val->data.sequence.items.start; !ret && i < val->data.sequence.items.top; i++)
        ret = add(r, yaml_document_get_node(&r->document, *i), err);
    return ret;
}

int dataset_read(struct dataset *data, const char *file, struct err *err) {
    struct reading r = {.data = data, .file = file};
    yaml_parser_t parser;
    int ret = -1;
    *data = (struct dataset){0};
    FILE *f = fopen(file, "r");
    if (!f)
        return err_errno(err, "%s", file);
    if (!yaml_parser_initialize(&parser)) {
        fclose(f);
        return err_nomem(err);
    }
    yaml_parser_set_input_file(&parser, f);
    if (yaml_parser_load(&parser, &r.document)) {
        ret = find_root(&r, err) || add_split(&r, err) ? -1 : 0;
        yaml_document_delete(&r.document);
    } else if (parser.error == YAML_MEMORY_ERROR) {
        err_nomem(err);
    } else {
        err_set(err, ERR_FAILED, "%s:%zu: not YAML: %s", file, parser.problem_mark.line + 1,
                parser.problem ? parser.problem : "it cannot be read");
    }
    yaml_parser_delete(&parser);
    fclose(f);
    free(r.root);
    return ret;
}

void dataset_free(struct dataset *data) {
    for (size_t i = 0; i < data->count; i++)
        free(data->places[i]);
    free(data->places);
    *data = (struct dataset){0};
}
