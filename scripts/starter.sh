#!/bin/sh
# usage: starter.sh ARTSTYLE [STEP...]
# Everything that ships in artstyle/starter, made anew from raw pictures. The pictures lie in
# material/ (people, styles, content, paintings: datasets/README.md says what belongs there), and
# YuNet's file has been pulled. Every step goes on where it was broken off, and does nothing when it
# is done; all of them together take many hours on two cores. Steps, in this order:
#
#   data        faces cut out, looked through, and built into datasets of 16, 32 and 64 px
#   perception  the network that sees style
#   people      the base, growing from 16 to 64 px
#   styles      five styles, fine-tuned from the base
#   pack        base and styles, in half precision, into artstyle/starter
#   encoder     photos to latents of the base as it ships
#   search      how strongly each style is laid over the base, as both ship
#   adain       the decoder of AdaIN
#   fast        four nets of fast transfer
#   nets        the networks beside base and styles, into artstyle/starter
set -eu

artstyle=$1
shift
[ $# -gt 0 ] || set -- data perception people styles pack encoder search adain fast nets
styles="toon_head facesjs pioneer fluent_3d titian"
zips=datasets/people/zips
starter=artstyle/starter

show() {
    printf '\n$ artstyle %s\n' "$*"
    "$artstyle" "$@"
}

step_data() {
    for style in people $styles; do
        show extract --style "$style"
        show curate --style "$style"
        show build --style "$style" --size 64
    done
    for px in 16 32; do show build --style people --size $px; done
    show build --style people --size 64 --split held-out
}

step_perception() {
    show train-perception --pictures material/content --unlabelled material/paintings \
        --unlabelled material/styles/titian --unlabelled material/people --lr 0.002 --minutes 20
}

step_people() {
    show train --style people16 --dataset $zips/people-16-train.zip --out runs/people-16
    show finetune --style people32 --dataset $zips/people-32-train.zip --out runs/people-32
    show finetune --style people64 --dataset $zips/people-64-train.zip --out runs/people-64
    show finetune --style people --out runs/people
}

step_styles() {
    for style in $styles; do show finetune --style "$style" --out "runs/$style"; done
}

step_encoder() {
    show train-encoder --base $starter/people.safetensors --photos $zips/people-64-train.zip \
        --samples-kimg 1 --out runs/people-encoder
}

step_search() {
    for style in $styles; do
        show blend $starter/people.safetensors "$starter/$style.safetensors" --search \
            --photos $zips/people-64-held-out.zip
    done
}

step_adain() {
    show train-adain --content material/content --content material/people \
        --styles material/paintings --styles material/styles/titian
}

step_fast() {
    paintings=material/paintings
    # One net of four styles learns faster than four nets; each style becomes a net of its own.
    show train-fast --content material/content --content material/people --name four \
        --style $paintings/vg_starry_night.jpg --style $paintings/hokusai_great_wave.jpg \
        --style $paintings/munch_the_scream.jpg --style $paintings/kandinsky_composition_vii.jpg
    for pair in starry_night:vg_starry_night great_wave:hokusai_great_wave \
        the_scream:munch_the_scream composition_vii:kandinsky_composition_vii; do
        show train-fast --content material/content --style "$paintings/${pair#*:}.jpg" \
            --name "${pair%%:*}" --base models/fast-four.safetensors --iterations 0
    done
}

step_pack() {
    for model in people $styles; do
        networks=G_ema
        [ "$model" != people ] || networks=G_ema,G,D # others fine-tune from it
        show models export "models/$model.safetensors" --half --networks $networks \
            --out "$starter/$model.safetensors"
    done
}

step_nets() {
    for file in perception people-encoder adain fast-starry_night fast-great_wave fast-the_scream \
        fast-composition_vii; do
        cp "models/$file.safetensors" "$starter/"
    done
}

for step in "$@"; do
    case $step in
    data | perception | people | styles | pack | encoder | search | adain | fast | nets) "step_$step" ;;
    *)
        printf 'starter.sh: no step %s\n' "$step" >&2
        exit 2
        ;;
    esac
done
