#!/bin/sh
# usage: demo.sh ARTSTYLE
# Walk through what artstyle can do, on this machine, without a network. Everything it makes goes to
# demo/. The models are untrained, so their pictures are noise: what one sees is the machinery.
set -eu

artstyle=$1
photo=artstyle/starter/photos/astronaut.jpg
show() {
    printf '\n$ artstyle %s\n' "$*"
    "$artstyle" "$@"
}

show init demo
show doctor --workspace demo
cd demo
artstyle=$(cd .. && cd "$(dirname "$artstyle")" && pwd)/artstyle
photo=../$photo
show extract --style portrait --images "$photo" --licence "public domain"
for seed in 0 1; do
    show models random --resolution 64 --channel-base 4096 --channel-max 128 --seed $seed \
        --out models/untrained-$seed.safetensors
done
show models list --installed
show generate --model untrained-0 --model untrained-1 --seeds 0-5 --out generated
show blend untrained-0 untrained-1 --resolution 16 --out models/blended.safetensors --preview 0-3
show project "$photo" --model untrained-0 --space w+ --steps 60 --film --out projected
show models card blended
printf '\nlook at:\n'
for file in datasets/portrait/crops/photos/astronaut.png generated/sheet.png models/blended.preview.png projected/astronaut/proj.mp4; do
    [ ! -e "$file" ] || printf '  demo/%s\n' "$file"
done
