#!/bin/sh
# usage: demo.sh ARTSTYLE
# The main job with what ships: one photo in every starter style, in one grid. No network, no GPU.
# Everything it makes goes to demo/.
set -eu

artstyle=$1
photo=artstyle/starter/photos/astronaut.jpg
show() {
    printf '\n$ artstyle %s\n' "$*"
    "$artstyle" "$@"
}

show init demo
show doctor --workspace demo
show challenge $photo --workspace demo --out demo/astronaut
show generate --workspace demo --model people --model facesjs --seeds 0-5 --trunc 0.7 \
    --out demo/generated
show trace demo/astronaut/grid.png --workspace demo

printf '\nlook at:\n'
for file in astronaut/grid.png astronaut/index.html generated/sheet.png; do
    [ ! -e "demo/$file" ] || printf '  demo/%s\n' "$file"
done
printf 'and with a photo of your own:\n  %s challenge photo.jpg\n' "$artstyle"
