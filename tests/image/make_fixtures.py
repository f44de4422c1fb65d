"""Makes tests/image/fixtures and expected.json: what OpenCV reads from each file. Run by hand, when a case is added:
python3 tests/image/make_fixtures.py (opencv-python-headless 5.0, numpy, Pillow). Tests read only its results.

Damaged files, where we mean to differ from OpenCV, are made by tests/image/test_damage.c."""
import hashlib, io, json, os, struct, zlib
import cv2, numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "fixtures")
SIZES = [32, 64, 96]


def picture(w, h, channels=3, seed=0, top=256):
    """Smooth with some noise, no symmetry: a mirrored or swapped one is noticed."""
    r = np.random.default_rng(seed + 1000 * w + h)
    y, x = np.mgrid[0:h, 0:w]
    planes = [(x * (3 + c) + y * (7 - 2 * c) + 40 * c + r.integers(0, 24, (h, w))) % 256 for c in range(channels)]
    return (np.stack(planes, -1) * (top // 256)).astype(np.uint16 if top > 256 else np.uint8)


def jpeg(image, mode="RGB", **kw):
    b = io.BytesIO()
    if mode == "L":
        image = image[..., 0]
    Image.fromarray(image, mode).save(b, "JPEG", **{"quality": 90, **kw})
    return b.getvalue()


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def after_soi(data, *segments):
    return data[:2] + b"".join(segments) + data[2:]


def exif(orientation, order="<", kind=3, before=(), magic=42, offset=8, fields=None, cut=None, tail=b""):
    tiff = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", magic, offset)
    value = struct.pack(order + "HH", orientation, 0) if kind == 3 else struct.pack(order + "I", orientation)
    rows = list(before) + [struct.pack(order + "HHI", 0x0112, kind, 1) + value]
    tiff += b"\0" * (offset - 8 if 8 < offset < 99 else 0)
    tiff += struct.pack(order + "H", len(rows) if fields is None else fields) + b"".join(rows) + tail + b"\0" * 4
    return tiff[:cut]


def app1(tiff, header=b"Exif\0\0"):
    return segment(0xE1, header + tiff)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def pack(rows, depth):
    """rows: h x w x channels of samples."""
    out = b""
    for row in rows:
        flat = row.reshape(-1)
        if depth == 16:
            line = flat.astype(">u2").tobytes()
        elif depth == 8:
            line = flat.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(v), "0%db" % depth) for v in flat)
            bits += "0" * (-len(bits) % 8)
            line = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        out += b"\0" + line
    return out


def png(samples, color, depth, extra=b"", interlaced=False):
    h, w = samples.shape[:2]
    if interlaced:
        raw = b"".join(pack(s, depth) for x, y, dx, dy in ADAM7 for s in [samples[y::dy, x::dx]] if s.size)
    else:
        raw = pack(samples, depth)
    head = struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw, 9))
            + chunk(b"IEND", b""))


def cases():
    a = picture(37, 23)
    yield "rgb-420.jpg", jpeg(a, subsampling=2)
    yield "rgb-422.jpg", jpeg(a, subsampling=1)
    yield "rgb-444.jpg", jpeg(a, subsampling=0)
    yield "rgb-colourspace.jpg", jpeg(a, keep_rgb=True)
    yield "grey.jpg", jpeg(a, "L")
    yield "grey-progressive.jpg", jpeg(a, "L", progressive=True)
    yield "progressive.jpg", jpeg(picture(61, 45), progressive=True)
    yield "restarts.jpg", jpeg(picture(50, 70), restart_marker_blocks=2)
    for w, h in (1, 1), (1, 20), (20, 1), (2, 2), (8, 5), (33, 32), (64, 64), (65, 63), (127, 31), (31, 127), (192, 128), (200, 200):
        yield "size-%dx%d.jpg" % (w, h), jpeg(picture(w, h))
    yield "stray-bytes.jpg", jpeg(a)[:-2] + b"\1\2\3" + b"\xff\xd9"
    yield "after-the-end.jpg", jpeg(a) + b"anything" * 5
    inks = picture(29, 17, 4)
    cmyk = jpeg(inks, "CMYK")
    adobe = cmyk.index(b"\xff\xee")
    yield "cmyk.jpg", cmyk
    yield "cmyk-no-adobe.jpg", cmyk[:adobe] + cmyk[adobe + 16 :]
    ycck = bytearray(cmyk)
    ycck[adobe + 15] = 2
    yield "ycck.jpg", bytes(ycck)

    tall = jpeg(picture(13, 21), subsampling=2)
    for o in range(1, 9):
        yield "exif-le-%d.jpg" % o, after_soi(tall, app1(exif(o)))
        yield "exif-be-%d.jpg" % o, after_soi(tall, app1(exif(o, ">")))
    make = struct.pack("<HHII", 0x010F, 2, 3, 0x004B4F)
    wild = struct.pack("<HHII", 0x010F, 2, 400, 0x7FFFFFFF)
    resolution = struct.pack("<HHII", 0x011A, 5, 1, 0x7FFFFFF0)
    unknown = struct.pack("<HHII", 0xC4A5, 7, 99999, 0x7FFFFFFF)
    malformed = {
        "second-field": exif(6, before=[make]),
        "twice": exif(6, before=[exif(3)[10:22]]),
        "wild-string-first": exif(6, before=[wild]),
        "wild-rational-first": exif(6, before=[resolution]),
        "wild-unknown-first": exif(6, before=[unknown]),
        "wild-string-after": exif(6, fields=2, tail=wild),
        "short-string-first": exif(6, before=[struct.pack("<HHII", 0x010F, 2, 4, 0x7FFFFFFF)]),
        "cut-in-value": exif(6, cut=19),
        "cut-after-value": exif(6, cut=20),
        "value-0": exif(0),
        "value-9": exif(9),
        "type-long": exif(6, kind=4),
        "type-long-be": exif(6, ">", kind=4),
        "wrong-mark": exif(6, magic=43),
        "wild-offset": exif(6, offset=0x7FFFFFFF),
        "offset-20": exif(6, offset=20),
        "count-too-big": exif(6, fields=500),
        "cut-in-field": exif(6, cut=15),
        "cut-after-field": exif(6, cut=22),
        "cut-after-count": exif(6, cut=10),
        "cut-header": exif(6, cut=5),
        "wrong-order": b"IM" + exif(6)[2:],
        "empty": b"",
    }
    for name, tiff in malformed.items():
        yield "exif-%s.jpg" % name, after_soi(tall, app1(tiff))
    xmp = app1(b"<x:xmpmeta/>", b"http://ns.adobe.com/xap/1.0/\0")
    yield "exif-after-xmp.jpg", after_soi(tall, xmp, app1(exif(6)))
    yield "exif-before-xmp.jpg", after_soi(tall, app1(exif(6)), xmp)
    yield "exif-no-header.jpg", after_soi(tall, app1(exif(6), b"Foto\0\0"))
    yield "exif-second-zero-missing.jpg", after_soi(tall, app1(exif(6), b"Exif\0x"))
    yield "exif-bad-then-good.jpg", after_soi(tall, app1(exif(6, magic=43)), app1(exif(6)))
    yield "exif-9-then-6.jpg", after_soi(tall, app1(exif(9)), app1(exif(6)))
    yield "exif-in-app2.jpg", after_soi(tall, segment(0xE2, b"Exif\0\0" + exif(6)))
    yield "exif-after-frame.jpg", tall[: tall.index(b"\xff\xda")] + app1(exif(6)) + tall[tall.index(b"\xff\xda") :]
    yield "exif-twice.jpg", after_soi(tall, app1(exif(6)), app1(exif(3)))

    for color, channels, name in (0, 1, "grey"), (2, 3, "rgb"), (4, 2, "grey-alpha"), (6, 4, "rgba"):
        yield "%s-8.png" % name, png(picture(19, 11, channels), color, 8)
        deep = picture(19, 11, channels, top=65536) + picture(19, 11, channels, 5)
        yield "%s-16.png" % name, png(deep, color, 16)
        yield "%s-8-interlaced.png" % name, png(picture(19, 11, channels), color, 8, interlaced=True)
    palette = chunk(b"PLTE", bytes((i * k + 7) % 256 for i in range(256) for k in (3, 5, 11)))
    for depth in 1, 2, 4, 8:
        indices = picture(21, 10, 1) >> (8 - depth)
        short = chunk(b"PLTE", palette[8 : 8 + 3 * 2**depth])
        yield "palette-%d.png" % depth, png(indices, 3, depth, short)
        if depth < 8:
            yield "grey-%d.png" % depth, png(indices, 0, depth)
    yield "palette-4-interlaced.png", png(picture(21, 10, 1) >> 4, 3, 4, palette[:0] + chunk(b"PLTE", palette[8:56]), True)
    alpha = chunk(b"tRNS", bytes(range(0, 200, 3)))
    yield "palette-trns.png", png(picture(21, 10, 1), 3, 8, palette + alpha)
    yield "rgb-trns.png", png(picture(19, 11), 2, 8, chunk(b"tRNS", struct.pack(">HHH", 10, 20, 30)))
    yield "grey-trns.png", png(picture(19, 11, 1), 0, 8, chunk(b"tRNS", struct.pack(">H", 40)))
    yield "gamma.png", png(picture(19, 11), 2, 8, chunk(b"gAMA", struct.pack(">I", 100000)))
    yield "rgba-background.png", png(picture(19, 11, 4), 6, 8, chunk(b"bKGD", struct.pack(">HHH", 250, 5, 99)))
    for w, h in (1, 1), (1, 9), (9, 1):
        yield "size-%dx%d.png" % (w, h), png(picture(w, h), 2, 8)
    for o in 3, 6:
        yield "exif-%d.png" % o, png(picture(19, 11), 2, 8, chunk(b"eXIf", exif(o, ">")))
    late = png(picture(19, 11), 2, 8)
    yield "exif-after-data.png", late[:-12] + chunk(b"eXIf", exif(6)) + late[-12:]
    profile = b"\nexif\n%8d\n" % (6 + len(exif(6))) + (b"Exif\0\0" + exif(6)).hex().encode() + b"\n"
    yield "exif-raw-profile.png", png(picture(19, 11), 2, 8, chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile)))
    b = io.BytesIO()
    frames = [Image.fromarray(picture(19, 11, 3, s)) for s in (0, 5)]
    frames[0].save(b, "PNG", save_all=True, append_images=frames[1:])
    yield "animated.png", b.getvalue()


def letterbox(rgb, size):
    h, w = rgb.shape[:2]
    scale = min(size / w, size / h)
    nw, nh = round(w * scale), round(h * scale)
    if nw < 1 or nh < 1:
        return None
    if (nw, nh) != (w, h):
        rgb = cv2.resize(rgb, (nw, nh), interpolation=cv2.INTER_LINEAR)
    left, top = (size - nw) // 2, (size - nh) // 2
    rgb = cv2.copyMakeBorder(rgb, top, size - nh - top, left, size - nw - left, cv2.BORDER_CONSTANT, value=(114, 114, 114))
    return np.ascontiguousarray(rgb.transpose(2, 0, 1))


def main():
    os.makedirs(OUT, exist_ok=True)
    expected = {}
    for name, data in cases():
        with open(os.path.join(OUT, name), "wb") as f:
            f.write(data)
        bgr = cv2.imread(os.path.join(OUT, name), cv2.IMREAD_COLOR)
        if bgr is None:
            expected[name] = None
            continue
        rgb = np.ascontiguousarray(bgr[..., ::-1])
        boxes = {s: letterbox(rgb, s) for s in SIZES}
        expected[name] = {
            "width": rgb.shape[1],
            "height": rgb.shape[0],
            "decoded_rgb_sha256": hashlib.sha256(rgb.tobytes()).hexdigest(),
            "letterbox_chw_u8_sha256": {
                str(s): None if b is None else hashlib.sha256(b.tobytes()).hexdigest() for s, b in boxes.items()
            },
        }
    with open(os.path.join(HERE, "expected.json"), "w") as f:
        json.dump(expected, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
