"""Lists as people have them, each with what the manifest must say: where from, and to which folder of which application.

A row: name, text, models as (from, "store/folder/name"), and words that must be told (of what is left out: exit code 2;
of what is only told: 0). `{T}` is a token that may turn up nowhere."""

HF = "https://huggingface.co"
TOKEN = "hf_CanaryCanaryCanaryCanary1234567"
KEY = "0123456789abcdefcafe0123456789ab"
HEX = "ab" * 32


class List:
    def __init__(self, name, text, models, left_out=(), told=(), arguments=(), pins=None, suffix="txt"):
        self.name, self.models, self.left_out, self.told = name, models, left_out, told
        self.text = text.replace("{T}", TOKEN).replace("{K}", KEY).replace("{HF}", HF).replace("{HEX}", HEX)
        self.arguments, self.pins, self.suffix = list(arguments), pins or {}, suffix


PROVISIONING = r'''#!/bin/bash
# provisioning of a rented machine
source /venv/main/bin/activate
COMFYUI_DIR=${WORKSPACE}/ComfyUI

NODES=(
    "https://github.com/ltdrdata/ComfyUI-Manager"
)
WORKFLOWS=(
    "https://gist.githubusercontent.com/someone/abc/raw/flux.json"
)
CHECKPOINT_MODELS=(
    "https://civitai.com/api/download/models/798204?type=Model&format=SafeTensor&size=full&fp=fp16"
)
UNET_MODELS=(
    # "{HF}/black-forest-labs/FLUX.1-dev/resolve/main/not-this.safetensors"
    "{HF}/black-forest-labs/FLUX.1-schnell/resolve/main/flux1-schnell.safetensors"
)
LORA_MODELS=()
VAE_MODELS=("{HF}/black-forest-labs/FLUX.1-schnell/resolve/main/ae.safetensors")
ESRGAN_MODELS=(
    "{HF}/ai-forever/Real-ESRGAN/resolve/main/RealESRGAN_x4.pth"
)
HF_TOKEN={T}

function provisioning_start() {
    provisioning_print_header
    provisioning_get_nodes
    provisioning_get_files \
        "${COMFYUI_DIR}/models/checkpoints" \
        "${CHECKPOINT_MODELS[@]}"
    provisioning_get_files \
        "${COMFYUI_DIR}/models/unet" \
        "${UNET_MODELS[@]}"
    provisioning_get_files "${COMFYUI_DIR}/models/lora" "${LORA_MODELS[@]}"
    provisioning_get_files "${COMFYUI_DIR}/models/vae" "${VAE_MODELS[@]}"
    provisioning_get_files "${COMFYUI_DIR}/models/upscale_models" "${ESRGAN_MODELS[@]}"
    provisioning_get_files "${COMFYUI_DIR}/user/default/workflows" "${WORKFLOWS[@]}"
}

function provisioning_get_nodes() {
    for repo in "${NODES[@]}"; do
        dir="${repo##*/}"
        path="${COMFYUI_DIR}/custom_nodes/${dir}"
        if [[ -d $path ]]; then
            ( cd "$path" && git pull )
        else
            git clone "${repo}" "${path}" --recursive
        fi
    done
}

function provisioning_get_files() {
    if [[ -z $2 ]]; then return 1; fi
    dir="$1"
    mkdir -p "$dir"
    shift
    arr=("$@")
    printf "Downloading %s model(s) to %s...\n" "${#arr[@]}" "$dir"
    for url in "${arr[@]}"; do
        printf "Downloading: %s\n" "${url}"
        provisioning_download "${url}" "${dir}"
    done
}

# Download from $1 URL to $2 file path
function provisioning_download() {
    if [[ -n $HF_TOKEN && $1 =~ ^https://([a-zA-Z0-9_-]+\.)?huggingface\.co(/|$|\?) ]]; then
        auth_token="$HF_TOKEN"
    elif
        [[ -n $CIVITAI_TOKEN && $1 =~ ^https://([a-zA-Z0-9_-]+\.)?civitai\.com(/|$|\?) ]]; then
        auth_token="$CIVITAI_TOKEN"
    fi
    if [[ -n $auth_token ]];then
        wget --header="Authorization: Bearer $auth_token" -qnc --content-disposition --show-progress -e dotbytes="${3:-4M}" -P "$2" "$1"
    else
        wget -qnc --content-disposition --show-progress -e dotbytes="${3:-4M}" -P "$2" "$1"
    fi
}

if [[ ! -f /.noprovisioning ]]; then
    provisioning_start
fi
'''

STORAGE = r'''#!/bin/false
CHECKPOINT_MODELS=(
    "{HF}/o/sd/resolve/main/v1-5.safetensors"
)
LORA_MODELS=("https://civitai.com/api/download/models/8840?token={K}")
function provisioning_start() {
    provisioning_get_models "${WORKSPACE}/storage/stable_diffusion/models/ckpt" "${CHECKPOINT_MODELS[@]}"
    provisioning_get_models "${WORKSPACE}/storage/stable_diffusion/models/lora" "${LORA_MODELS[@]}"
    cd /opt/stable-diffusion-webui && ./webui.sh
}
function provisioning_get_models() {
    dir="$1"; shift
    for url in "$@"; do
        wget -qnc -P "$dir" "$url"
    done
}
'''

# The functions are in another file: only the arrays' names tell.
ARRAYS = r'''#!/bin/bash
. ./helpers.sh
declare -A UNET_MODELS=(
    ["{HF}/o/gguf/resolve/main/flux1-dev-Q8_0.gguf"]="flux1-dev-q8.gguf"
)
CLIP_VISION_MODELS=("{HF}/o/v/resolve/main/model.safetensors")
declare -A FILES=(
    ["models/loras/detail.safetensors"]="{HF}/o/l/resolve/main/a.safetensors"
)
for k in UNET_MODELS CLIP_VISION_MODELS FILES; do get_all "$k"; done
'''

CORPUS = [
    List("ollama script", "#!/bin/sh\nset -eu\nollama pull llama3.2:3b && sudo ollama run --verbose mistral 'hi; you'\n"
         "docker exec -it ollama ollama pull hf.co/Org/Repo-GGUF:Q4_K_M # last\n",
         [("ollama:llama3.2:3b", "ollama"), ("ollama:mistral:latest", "ollama"),
          ("ollama:hf.co/Org/Repo-GGUF:Q4_K_M", "ollama")]),
    List("ollama loop over an array", 'MODELS=("llama3.2:3b" "qwen2.5:7b")\nfor m in "${MODELS[@]}"; do\n'
         '  echo "Pulling $m"\n  ollama pull "$m"\ndone\n',
         [("ollama:llama3.2:3b", "ollama"), ("ollama:qwen2.5:7b", "ollama")]),
    List("ollama loop over a here-document", "while read -r model; do ollama pull \"$model\"; done <<EOF\nphi4:14b\n# no\n"
         "gemma3:4b\nEOF\n", [("ollama:phi4:14b", "ollama"), ("ollama:gemma3:4b", "ollama")]),
    List("ollama batch file", "@echo off\r\nollama pull llama3.2:3b\r\nollama.exe list\r\n",
         [("ollama:llama3.2:3b", "ollama")]),
    List("ollama names that a script makes", "ollama pull one:1b\nollama pull \"$NAME\"\nollama pull `cat list`\n",
         [("ollama:one:1b", "ollama")], left_out=["line 2", "line 3"]),
    List("ollama names that never existed", "ollama pull llama3.1:8b\nollama pull whisper:small\n"
         "ollama pull qwen2.5-coder:7b-q4_0\nollama pull whisper:small\n",
         [("ollama:llama3.1:8b", "ollama"),
          ("hf:ggerganov/whisper.cpp/ggml-small.bin@5359861c739e955e79d9a303bcbc70fb988958b1", "whisper-cpp"),
          ("ollama:qwen2.5-coder:7b-instruct-q4_0", "ollama-small")],
         told=["line 2: whisper:small is no model of Ollama's: whisper-small", "qwen2.5-coder:7b-q4_0 is no model of Ollama's"]),
    List("ollama table", "NAME            ID            SIZE    MODIFIED\nllama3.2:3b     a80c4f17acd5  2.0 GB  3 days ago\n",
         [("ollama:llama3.2:3b", "ollama")]),
    List("ollama names", "llama3.2:3b\n# mine\nphi4:14b # small\n", [("ollama:llama3.2:3b", "ollama"), ("ollama:phi4:14b", "ollama")],
         arguments=["-y"]),
    List("provisioning script", PROVISIONING, [
        ("civitai:798204?type=Model&format=SafeTensor&size=full&fp=fp16", "comfyui/checkpoints"),
        ("hf:black-forest-labs/FLUX.1-schnell/flux1-schnell.safetensors", "comfyui/unet/flux1-schnell.safetensors"),
        ("hf:black-forest-labs/FLUX.1-schnell/ae.safetensors", "comfyui/vae/ae.safetensors"),
        ("hf:ai-forever/Real-ESRGAN/RealESRGAN_x4.pth", "comfyui/upscale_models/RealESRGAN_x4.pth"),
        ("https://gist.githubusercontent.com/someone/abc/raw/flux.json", "comfyui/workflows/flux.json")],
        told=["ComfyUI-Manager is a repository of code"]),
    List("provisioning script for storage of another shape", STORAGE, [
        ("hf:o/sd/v1-5.safetensors", "a1111/checkpoints/v1-5.safetensors"), ("civitai:8840", "a1111/loras")]),
    List("arrays whose loader is elsewhere", ARRAYS, [
        ("hf:o/gguf/flux1-dev-Q8_0.gguf", "comfyui/unet/flux1-dev-q8.gguf"),
        ("hf:o/v/model.safetensors", "comfyui/clip_vision/model.safetensors"),
        ("hf:o/l/a.safetensors", "comfyui/loras/detail.safetensors")]),
    List("wget -O and -P", 'set -e\ncd /workspace/ComfyUI/models\n'
         'wget -c -O loras/detail.safetensors "{HF}/o/r/resolve/main/a.safetensors?download=true"\n'
         'wget --header "Authorization: Bearer {T}" -P vae {HF}/o/r/resolve/main/b.safetensors\n'
         'wget -qO checkpoints/sub/c.safetensors {HF}/o/r/resolve/0123456789012345678901234567890123456789/c.safetensors\n'
         'wget https://example.com/install.sh\n',
         [("hf:o/r/a.safetensors", "comfyui/loras/detail.safetensors"), ("hf:o/r/b.safetensors", "comfyui/vae/b.safetensors"),
          ("hf:o/r/c.safetensors@0123456789012345678901234567890123456789", "comfyui/checkpoints/sub/c.safetensors")],
         told=["line 6: https://example.com/install.sh is no model"]),
    List("curl", 'BASE="$HOME/stable-diffusion-webui/models"\n'
         'curl -L -H "Authorization: Bearer {T}" -o "$BASE/Lora/x.safetensors" {HF}/o/r/resolve/main/x.safetensors\n'
         'curl -fL --output-dir "$BASE/Stable-diffusion" -O {HF}/o/r/resolve/main/y.safetensors\n'
         'curl -L {HF}/o/r/resolve/main/z.safetensors > "$BASE/VAE/z.safetensors"\n'
         'curl -fsSL https://ollama.com/install.sh | sh\ncurl -s https://example.com/status\n',
         [("hf:o/r/x.safetensors", "a1111/loras/x.safetensors"), ("hf:o/r/y.safetensors", "a1111/checkpoints/y.safetensors"),
          ("hf:o/r/z.safetensors", "a1111/vae/z.safetensors")]),
    List("aria2c", 'aria2c --console-log-level=error -c -x 16 -s 16 -k 1M --header="Authorization: Bearer {T}" '
         '--checksum=sha-256={HEX} -d /content/ComfyUI/models/text_encoders -o t5.safetensors '
         '"{HF}/o/r/resolve/main/t5.safetensors" https://mirror.example/t5.safetensors\n',
         [("hf:o/r/t5.safetensors", "comfyui/text_encoders/t5.safetensors")], pins={"hf:o/r/t5.safetensors": HEX}),
    List("a function of its own", 'download() {\n  local url=$1 dest=$2\n  mkdir -p "$(dirname "$dest")"\n'
         '  [ -f "$dest" ] || wget -q --show-progress "$url" -O "$dest"\n}\nM=/comfy/ComfyUI/models\n'
         'download "{HF}/o/r/resolve/main/a.safetensors" "$M/diffusion_models/a.safetensors"\n'
         'download "{HF}/o/r/resolve/main/b.safetensors" "$M/clip_vision/b.safetensors"\n',
         [("hf:o/r/a.safetensors", "comfyui/diffusion_models/a.safetensors"),
          ("hf:o/r/b.safetensors", "comfyui/clip_vision/b.safetensors")]),
    List("a here-document of pairs", "while IFS='|' read -r dir url; do\n  wget -nc -P \"ComfyUI/models/$dir\" \"$url\"\n"
         "done <<'LIST'\nloras|{HF}/o/r/resolve/main/a.safetensors\ncontrolnet|{HF}/o/r/resolve/main/b.safetensors\nLIST\n",
         [("hf:o/r/a.safetensors", "comfyui/loras/a.safetensors"), ("hf:o/r/b.safetensors", "comfyui/controlnet/b.safetensors")]),
    List("a here-document for aria2", "cat > list.txt <<EOF\n{HF}/o/r/resolve/main/a.safetensors\n  dir=ComfyUI/models/loras\n"
         "  out=b.safetensors\n{HF}/o/r/resolve/main/c.safetensors\nEOF\naria2c -i list.txt -d ComfyUI/models/vae -j 4\n",
         [("hf:o/r/a.safetensors", "comfyui/loras/b.safetensors"), ("hf:o/r/c.safetensors", "comfyui/vae/c.safetensors")]),
    List("moved and renamed", "cd /workspace/ComfyUI\nwget {HF}/o/r/resolve/main/a.safetensors\n"
         "wget -O tmp.bin {HF}/o/r/resolve/main/b.bin\nwget {HF}/o/r/resolve/main/c.ckpt\nmv a.safetensors models/loras/\n"
         "mv -f tmp.bin models/ipadapter/face.bin\nmv *.ckpt models/checkpoints/\n"
         "hf download org/flux split/ae.safetensors --local-dir models/vae\nmv models/vae/split/ae.safetensors models/vae/\n",
         [("hf:o/r/a.safetensors", "comfyui/loras/a.safetensors"), ("hf:o/r/b.bin", "comfyui/ipadapter/face.bin"),
          ("hf:o/r/c.ckpt", "comfyui/checkpoints/c.ckpt"), ("hf:org/flux/split/ae.safetensors", "comfyui/vae/ae.safetensors")]),
    List("xargs", "xargs -n 1 -P 4 wget -P /data/SwarmUI/Models/Lora <<EOF\n{HF}/o/r/resolve/main/a.safetensors\n"
         "{HF}/o/r/resolve/main/b.safetensors\nEOF\n",
         [("hf:o/r/a.safetensors", "swarmui/loras/a.safetensors"), ("hf:o/r/b.safetensors", "swarmui/loras/b.safetensors")]),
    List("hf download", "export HF_TOKEN={T}\nhf download org/chat-GGUF chat-Q4_K_M.gguf --local-dir ./server/ai/llama-cpp/models\n"
         "huggingface-cli download Comfy-Org/flux split/ae.safetensors --local-dir ComfyUI/models/vae --token {T}\n"
         "hf download org/whole --revision v2 --local-dir ComfyUI/models/diffusers/whole --exclude '*.bin'\n"
         "hf download org/cached\nhf download org/data --repo-type dataset\n",
         [("hf:org/chat-GGUF/chat-Q4_K_M.gguf", "llama-cpp/chat-Q4_K_M.gguf"),
          ("hf:Comfy-Org/flux/split/ae.safetensors", "comfyui/vae/split/ae.safetensors"),
          ("hf:org/whole@v2?exclude=*.bin", "comfyui/diffusers/whole"), ("hf:org/cached", "hf")],
         told=["org/data is a dataset"]),
    List("hf download without a folder", "hf download org/x a.gguf\nhf download org/y --include '*.safetensors' config.json\n"
         "huggingface-cli download org/z --include only.gguf --local-dir models/llm\nhf download org/w --local-dir ./w\n"
         "hf download org/v sub/c.gguf --local-dir .\n",
         [("hf:org/x/a.gguf", "hf"), ("hf:org/y?include=*.safetensors&include=config.json", "hf"), ("hf:org/z/only.gguf", "comfyui/llm/only.gguf"),
          ("hf:org/w", "hf"), ("hf:org/v/sub/c.gguf", "llama-cpp/c.gguf")], told=["its place ./w is no folder"]),
    List("comfy model download", "comfy --skip-prompt model download --url {HF}/o/r/resolve/main/a.safetensors "
         "--relative-path models/loras --filename mine.safetensors --set-hf-api-token {T}\n"
         "comfy model download --url 'https://civitai.com/api/download/models/12345?token={K}' --relative-path models/vae\n",
         [("hf:o/r/a.safetensors", "comfyui/loras/mine.safetensors"), ("civitai:12345", "comfyui/vae")]),
    List("git clone", "git lfs install\ngit clone https://huggingface.co/org/model /x/ComfyUI/models/diffusers/model\n"
         "git clone --depth 1 https://github.com/o/node ComfyUI/custom_nodes/node\n",
         [("hf:org/model", "comfyui/diffusers/model")], told=["https://github.com/o/node is a repository of code"]),
    List("a function of another file", "#!/bin/sh\n. ./lib.sh\nfetch_model {HF}/o/r/resolve/main/a.safetensors ComfyUI/models/vae\n"
         "fetch_model --to ComfyUI/models/loras/mine.safetensors {HF}/o/r/resolve/main/b.safetensors\n"
         "echo see {HF}/o/r/resolve/main/c.safetensors\npip install https://example.com/x.whl\n",
         [("hf:o/r/a.safetensors", "comfyui/vae/a.safetensors"), ("hf:o/r/b.safetensors", "comfyui/loras/mine.safetensors")]),
    List("powershell", "Invoke-WebRequest -Uri {HF}/o/r/resolve/main/a.safetensors -OutFile "
         "C:/ComfyUI/models/loras/a.safetensors\n", [("hf:o/r/a.safetensors", "comfyui/loras/a.safetensors")]),
    List("a token in the address", 'CIVITAI_TOKEN={K}\nwget -O ComfyUI/models/loras/a.safetensors '
         '"https://civitai.com/api/download/models/111?type=Model&token=${CIVITAI_TOKEN}"\n'
         'wget -O ComfyUI/models/loras/b.safetensors "https://civitai.com/api/download/models/222?token=$ELSEWHERE"\n',
         [("civitai:111?type=Model", "comfyui/loras/a.safetensors"), ("civitai:222", "comfyui/loras/b.safetensors")]),
    List("an array of pairs, taken apart by other programs", r'''M="${WORKSPACE:-/workspace}/ComfyUI/models"
HF_MODELS=(
  "{HF}/o/r/resolve/main/split/a.safetensors
  |$M/checkpoints/a.safetensors"
  "{HF}/o/r/resolve/main/split/b.safetensors|$M/vae/c.safetensors"
)
get() {
  local url="$1" output_path="$2"
  local repo=$(echo "$url" | sed -n 's|https://huggingface.co/\([^/]*/[^/]*\)/resolve/.*|\1|p')
  if hf download "$repo" "$file" --local-dir "$(mktemp -d)" 2>&1; then
    mv "$tmp/$file" "$output_path"
  fi
}
get_all() {
  local -n some=$1
  for model in "${some[@]}"; do
    url="${model%%|*}"
    url=$(echo "$url" | xargs)
    get "$url" "${model##*|}" &
  done
}
get_all HF_MODELS
OTHERS=("{HF}/o/r/resolve/main/d.safetensors|$M/loras/d.safetensors" "$M/loras/e.safetensors {HF}/o/r/resolve/main/e.safetensors")
''', [("hf:o/r/split/a.safetensors", "comfyui/checkpoints/a.safetensors"), ("hf:o/r/split/b.safetensors", "comfyui/vae/c.safetensors"),
          ("hf:o/r/d.safetensors", "comfyui/loras/d.safetensors"), ("hf:o/r/e.safetensors", "comfyui/loras/e.safetensors")]),
    List("what nobody can tell", 'wget -P ComfyUI/models/loras "$BASE/a.safetensors"\nwget -i list.txt\n'
         'wget -P /somewhere {HF}/o/r/resolve/main/c.gguf\nwget https://mega.nz/file/abc\n',
         [("hf:o/r/c.gguf", "llama-cpp/c.gguf")], left_out=["line 1", "line 2", "MEGA"], told=["its place /somewhere"]),
    List("addresses", "# mine\n{HF}/org/repo/blob/main/sub/a.gguf?download=true\n"
         "https://civitai.com/models/4384/dream?modelVersionId=128713\n",
         [("hf:org/repo/sub/a.gguf", "llama-cpp/a.gguf")], left_out=["--to STORE/FOLDER"]),
    List("addresses that tell what is there, and such that do not", "urn:air:sdxl:lora:civitai:4384@128713\n"
         "{HF}/Comfy-Org/r/resolve/main/split_files/vae/v.safetensors\n{HF}/o/r/resolve/main/m.safetensors\n",
         [("civitai:4384@128713", "a1111/loras"), ("hf:Comfy-Org/r/split_files/vae/v.safetensors", "comfyui/vae/v.safetensors")],
         left_out=["nothing here tells what it is"]),
    List("addresses for one application", "https://civitai.com/api/download/models/1\n{HF}/o/r/resolve/main/loras/l.safetensors\n",
         [("hf:o/r/loras/l.safetensors", "comfyui/loras/l.safetensors")], left_out=["nothing here tells what it is"],
         arguments=["--to", "comfyui"]),
    List("addresses for one folder", "https://x.example/weights.pth\n",
         [("https://x.example/weights.pth", "comfyui/upscale_models/weights.pth")], arguments=["--to", "comfyui/upscale_models"]),
    List("aria2 input", "{HF}/o/r/resolve/main/a.safetensors\n  dir=/ComfyUI/models/checkpoints\n  out=b.safetensors\n"
         "  header=Authorization: Bearer {T}\n  checksum=sha-256={HEX}\n"
         "https://b.example/b.gguf\thttps://c.example/b.gguf\n  split=4\n"
         "{HF}/o/r/resolve/main/c.safetensors\n  dir=models\n  out=loras/SDXL/c.safetensors\n",
         [("hf:o/r/a.safetensors", "comfyui/checkpoints/b.safetensors"), ("https://b.example/b.gguf", "llama-cpp/b.gguf"),
          ("hf:o/r/c.safetensors", "comfyui/loras/SDXL/c.safetensors")], pins={"hf:o/r/a.safetensors": HEX}),
    List("a token beside an address", "{HF}/o/r/resolve/main/a.gguf\nheader=Authorization: Bearer {T}\n"
         "{HF}/o/r/resolve/main/b.gguf {T} {K}\n", [("hf:o/r/a.gguf", "llama-cpp/a.gguf"), ("hf:o/r/b.gguf", "llama-cpp/b.gguf")],
         left_out=["header=Authorization"], told=["(a token)"]),
    List("two columns", "{HF}/o/r/resolve/main/a.safetensors models/loras/a.safetensors\n"
         "{HF}/o/r/resolve/main/b.safetensors\tmodels/checkpoints/SDXL/\n"
         "models/vae/c.safetensors {HF}/o/r/resolve/main/vae.safetensors\nloras {HF}/o/r/resolve/main/d.safetensors\n",
         [("hf:o/r/a.safetensors", "comfyui/loras/a.safetensors"), ("hf:o/r/b.safetensors", "comfyui/checkpoints/SDXL/b.safetensors"),
          ("hf:o/r/vae.safetensors", "comfyui/vae/c.safetensors"), ("hf:o/r/d.safetensors", "comfyui/loras/d.safetensors")]),
    List("headings", "#model\n{HF}/o/r/resolve/main/AOM3.safetensors\n#vae\n{HF}/o/r/resolve/main/v.ckpt > renamed.ckpt\n"
         "#lora\nhttps://civitai.com/api/download/models/8840 ##a lora\nhttps://mega.nz/file/g#x ##no\n"
         "#embed\n{HF}/o/r/resolve/main/e.pt\n@new #bbox ComfyUI/models/ultralytics/bbox\n#bbox\n{HF}/o/r/resolve/main/face.pt\n"
         "https://github.com/o/extension\n!pip freeze\n",
         [("hf:o/r/AOM3.safetensors", "a1111/checkpoints/AOM3.safetensors"), ("hf:o/r/v.ckpt", "a1111/vae/renamed.ckpt"),
          ("civitai:8840", "a1111/loras"), ("hf:o/r/e.pt", "a1111/embeddings/e.pt"),
          ("hf:o/r/face.pt", "comfyui/ultralytics_bbox/face.pt")], left_out=["MEGA"], told=["extension is a repository", "!pip freeze"]),
    List("headings, and names with blanks", "#lora\nhttps://civitai.com/api/download/models/1 > my name [2].safetensors  ##one\n"
         "https://civitai.com/api/download/models/2>other.safetensors\n",
         [("civitai:1", "a1111/loras/my name [2].safetensors"), ("civitai:2", "a1111/loras/other.safetensors")]),
    List("headings for another application", "#checkpoints\n{HF}/o/r/resolve/main/a.safetensors\n#lora\n"
         "https://civitai.com/api/download/models/1\n",
         [("hf:o/r/a.safetensors", "comfyui/checkpoints/a.safetensors"), ("civitai:1", "comfyui/loras")], arguments=["--to", "comfyui"]),
    List("comfyui-manager", '{"models": [\n'
         '{"name":"A","type":"checkpoint","base":"SDXL","save_path":"default","filename":"a.safetensors","url":"{HF}/o/r/resolve/main/a.safetensors","size":"6.94GB"},\n'
         '{"name":"B","type":"lora","save_path":"loras\\\\SDXL","filename":"b.safetensors","url":"{HF}/o/r/resolve/main/b.safetensors"},\n'
         '{"name":"C","type":"x","save_path":"./models/vae/","filename":"c.safetensors","url":"{HF}/o/r/resolve/main/c.safetensors"},\n'
         '{"name":"D","type":"x","save_path":"/workspace/ComfyUI/models/clip_vision","filename":"d.safetensors","url":"{HF}/o/r/resolve/main/d.safetensors"},\n'
         '{"name":"E","type":"x","save_path":"custom_nodes/ComfyUI-X/models","filename":"e.pth","url":"{HF}/o/r/resolve/main/e.pth"},\n'
         '{"name":"F","type":"x","save_path":"RGT/RGT","filename":"f.pth","url":"{HF}/o/r/resolve/main/f.pth"},\n'
         '{"name":"G","type":"zero","save_path":"default","filename":"g.pth","url":"{HF}/o/r/resolve/main/g.pth"},\n'
         '{"name":"H","type":"llm","save_path":"LLM","filename":"<huggingface>","url":"org/whole"},\n'
         '{"name":"I","type":"x","save_path":"../../etc","filename":"i.pth","url":"{HF}/o/r/resolve/main/i.pth"}]}',
         [("hf:o/r/a.safetensors", "comfyui/checkpoints/a.safetensors"), ("hf:o/r/b.safetensors", "comfyui/loras/SDXL/b.safetensors"),
          ("hf:o/r/c.safetensors", "comfyui/vae/c.safetensors"), ("hf:o/r/d.safetensors", "comfyui/clip_vision/d.safetensors"),
          ("hf:o/r/e.pth", "comfyui/custom_nodes/ComfyUI-X/models/e.pth"), ("hf:o/r/f.pth", "comfyui/models/RGT/RGT/f.pth"),
          ("hf:o/r/g.pth", "comfyui/models/etc/g.pth"), ("hf:org/whole", "comfyui/llm/whole")], left_out=["line 10"]),
    List("comfy-lock.yaml", "basic:\nmodels:\n  - model: a\n    url: {HF}/o/r/resolve/main/a.safetensors\n    paths:\n"
         "      - path: models/checkpoints/a.safetensors\n    hashes:\n      - hash: 1234567890\n        type: AutoV2\n"
         "      - hash: {HEX}\n        type: SHA256\n    type: checkpoint\n  - model: b\n"
         "    url: https://civitai.com/api/download/models/5?token={K}\n    type: lora\n"
         "custom_nodes:\n  comfyui: abc\n  git_custom_nodes:\n    https://github.com/o/n:\n      hash: abc\n      disabled: false\n",
         [("hf:o/r/a.safetensors", "comfyui/checkpoints/a.safetensors"), ("civitai:5", "comfyui/loras")],
         pins={"hf:o/r/a.safetensors": HEX}, told=["https://github.com/o/n is a custom node"]),
    List("the loading plan's models.json", '{"registered_at": "2025-01-08 10:00:00", "total_models": 2, "models": [\n'
         '{"name": "deepseek-coder-v2", "file_path": "models/deepseek-coder-v2-q4.gguf", "size_mb": 9000, "capabilities": [],'
         ' "use_cases": ["CodeGeneration"], "performance_score": 0.9, "cost_score": 0.9, "privacy_tier": "Internal"},\n'
         '{"name": "nobodys", "file_path": "models/nobodys.gguf", "size_mb": 1, "capabilities": [], "use_cases": [],'
         ' "performance_score": 0.5, "cost_score": 0.5, "privacy_tier": "Internal"}]}',
         None, left_out=["nobodys"], suffix="models.json"),
]
