# A run of 96 cells as test_page.sh takes it apart: three models of 142, 112 and 108 layers. Scores cover eight decades. Names, reasons, paths
# and settings hold what HTML, a script or a URL could take for its own.
def file($path): "@" + $path, " " + tojson;
def hostile: "</script><img src=x onerror=pwned=1><!--&amp;\"'`\\\u001b[31m ";
def models: [["first", 142], ["<i>second\"'&<b>", 112], ["__proto__", 108]];
def granularities: ["per_channel", "per_layer"];
def formats: ["int4", "int8", "fp4", "fp8"];

def layer($i): if $i == 0 then hostile + "layer"
    elif $i >= 100 and $i < 108 then "model.23.cv2.\($i).conv" else "model.\($i).conv" end;
def weight($i): if $i % 2 == 0 then [8, 4, 3, 3] else [8, 4, 1, 1] end;
# No two layers of a cell have the same four digits.
def score($i; $c): (1000 + ($i * 61 + $c * 17) % 9000) * pow(10; -(($i * 5 + $c * 3) % 8) - 4);
def layers($n; $c): [range($n) | {key: layer(.), value: {score: score(.; $c), cost: 2, none_cost: (288 / (1 + . % 2 * 8)),
    weight_shape: weight(.), macs: (1234000 + .), exported: (. < 100 or . >= 108),
    input_shape: [4, 20, 20], output_shape: [8, 10, 10]}}] | from_entries;

({calib_images: 100, score_size: 16, imgsz: 640, image_list: hostile, block_dim: "modelopt", device: "cpu", created: "1767323045.5"} | file("run.json")),
(range(3) as $m | models[$m] as [$model, $n] |
 range(4) as $w | range(4) as $a | range(2) as $g |
 (($m * 4 + $w) * 4 + $a) * 2 + $g | . as $c |
 "\(formats[$w])-\(formats[$a])/\(granularities[$g])" as $stem |
 {run: {model: $model, weight_dtype: formats[$w], act_dtype: formats[$a], granularity: granularities[$g]}} as $run |
 {out_dir: "outputs/m\($m)/\($stem)", log_path: (if $c == 0 then "javascript:pwned=2//\"><b>" else "logs/m\($m)/\($stem).log" end)} as $paths |
 if $g == 0 and ($w % 2 == 0 or $a == 2) then
     $run + {status: "skipped", reason: (hostile + "blocks"), base_format_name: "BASE"} + $paths | file($paths.out_dir + "/status.json")
 elif $c == 95 then
     $run + {status: "failed", error: (hostile + "out of memory"), traceback: ""} + $paths | file($paths.out_dir + "/status.json")
 else
     ($run + {status: "ok", elapsed_s: 1, base_format_name: "BASE"} + $paths +
         {manifest_path: "m", report_path: ($paths.out_dir + "/layer-sensitivity-report.md")} | file($paths.out_dir + "/status.json")),
     ({model: $model, weight: formats[$w], activation: formats[$a], granularity: granularities[$g], block_dim: "modelopt", digests: {checkpoint: ("ab" * 32)},
       layers: layers($n; $c)} | file($paths.out_dir + "/scores.json"))
 end)
