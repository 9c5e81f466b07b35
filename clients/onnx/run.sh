#!/usr/bin/env bash
# Trains on the example tables and compares our engine with onnxruntime; with `foreign` also on models of
# scikit-learn, LightGBM and XGBoost. Usage: run.sh VENV OUT_DIR [foreign]
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=$1 out=$2 what=${3:-}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet -r "clients/onnx/requirements${what:+-$what}.txt"
train() { cargo run --quiet --release -p engine-learn --example train -- "examples/data/$1.csv" "$2" "$out/$1"; }
train credit status
train penguins species
train concrete compressive_strength
if [ "$what" = foreign ]; then
    "$venv/bin/python" clients/onnx/foreign.py "$out/foreign"
    cargo run --quiet --release -p engine-infer --example run -- "$out"/foreign/*
    "$venv/bin/python" clients/onnx/check.py "$out"/foreign/*
fi
"$venv/bin/python" clients/onnx/check.py "$out"/{credit,penguins,concrete}
