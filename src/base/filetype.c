#include "base/filetype.h"

#include <stdbool.h>
#include <string.h>

#define SAVED "the checkpoint that training saved, a .pt file of torch.save, is needed"
#define UNPACK "unpack it first"
#define RESAVE                                                                                               \
    "if you trust it, save it again with torch 1.6 or later: "                                               \
    "torch.save(torch.load(\"old.pt\", map_location=\"cpu\", weights_only=False), \"new.pt\")"
#define PAGE "download the file itself, not the page about it"

/* at: where the magic bytes stand, LINE: after white space at the start; a '?' in them is any byte. */
enum { LINE = -1 };
#define ROW(at, magic, what, remedy)                                                                         \
    {                                                                                                        \
        at, sizeof magic - 1, magic, {                                                                       \
            what, remedy                                                                                     \
        }                                                                                                    \
    }

static const struct {
    int at;
    size_t n;
    const char *magic;
    struct filetype type;
} types[] = {
    /* The old format is a row of pickles; the first is the number 0x1950a86a20f9469cfc6c. A tar archive is older still. */
    ROW(2, "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", "in torch's old format", RESAVE),
    ROW(257, "ustar", "in torch's old format", RESAVE),
    ROW(0, "\x80?", "a bare pickle", SAVED),
    ROW(0, "version https://git-lfs", "a Git LFS pointer", "fetch the file that it stands for: git lfs pull"),
    ROW(LINE, "<!DOCTYPE", "an HTML page", PAGE),
    ROW(LINE, "<!doctype", "an HTML page", PAGE),
    ROW(LINE, "<html", "an HTML page", PAGE),
    ROW(LINE, "<HTML", "an HTML page", PAGE),
    ROW(LINE, "<svg", "an SVG drawing", NULL),
    ROW(LINE, "<", "an XML file", PAGE),
    ROW(4, "\0\0\0\0{\"", "a safetensors file",
        "it holds weights alone, and the layers are needed too: " SAVED),
    ROW(0, "\x08?\x12", "an ONNX model", SAVED),
    ROW(0, "\x08?\x3a", "an ONNX model", SAVED),
    /* A plan as TensorRT writes it, and behind ultralytics' metadata: their length in 4 bytes, then JSON. */
    ROW(0, "ftrt", "a TensorRT engine", SAVED),
    ROW(2, "\0\0{\"", "a TensorRT engine", SAVED),
    ROW(4, "TFL3", "a TensorFlow Lite model", SAVED),
    ROW(0, "\x89HDF\r\n\x1a\n", "an HDF5 file", SAVED),
    ROW(0, "GGUF", "a GGUF file", SAVED),
    ROW(0, "\x93NUMPY", "a NumPy array", SAVED),
    ROW(0,
        "\x7f"
        "ELF",
        "a program", SAVED),
    ROW(0, "%PDF", "a PDF document", PAGE),
    ROW(0, "\x1f\x8b", "a gzip file", UNPACK ": gunzip"),
    ROW(0, "BZh", "a bzip2 file", UNPACK ": bunzip2"),
    ROW(0,
        "\xfd"
        "7zXZ",
        "an xz file", UNPACK ": unxz"),
    ROW(0, "\x28\xb5\x2f\xfd", "a zstd file", UNPACK ": unzstd"),
    ROW(0, "7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    ROW(0, "Rar!", "a RAR archive", UNPACK),
    ROW(0, "PK\3\4", "a zip archive", UNPACK),
    ROW(0, "RIFF????WEBP", "a WebP picture", NULL),
    ROW(0, "BM????\0\0\0\0", "a BMP picture", NULL),
    ROW(0, "II*\0", "a TIFF picture", NULL),
    ROW(0, "MM\0*", "a TIFF picture", NULL),
    ROW(0, "GIF8", "a GIF picture", NULL),
    ROW(4, "ftypavif", "an AVIF picture", NULL),
    ROW(4, "ftypavis", "an AVIF picture", NULL),
    ROW(4, "ftyphei", "a HEIC picture", NULL),
    ROW(4, "ftypmif1", "a HEIC picture", NULL),
    ROW(4, "ftypmsf1", "a HEIC picture", NULL),
    ROW(4, "ftyp", "a video", "name pictures"),
    ROW(0, "\xff\x0a", "a JPEG XL picture", NULL),
    ROW(4, "JXL ", "a JPEG XL picture", NULL),
    ROW(4, "jP  ", "a JPEG 2000 picture", NULL),
    ROW(0, "8BPS", "a Photoshop picture", NULL),
    ROW(0, "\xff\xd8\xff", "a JPEG picture", NULL),
    ROW(0, "\x89PNG", "a PNG picture", NULL),
};

static bool matches(const char *bytes, const char *magic, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (magic[i] != '?' && magic[i] != bytes[i])
            return false;
    return true;
}

const struct filetype *filetype_of(const void *bytes, size_t n) {
    size_t line = 0;
    while (line < n && memchr(" \t\r\n", ((const char *)bytes)[line], 4))
        line++;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t at = types[i].at == LINE ? line : (size_t)types[i].at;
        if (n >= types[i].n && at <= n - types[i].n &&
            matches((const char *)bytes + at, types[i].magic, types[i].n))
            return &types[i].type;
    }
    return NULL;
}
