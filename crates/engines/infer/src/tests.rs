//! Models small enough to check by hand, tensors that do not fit, and bytes that mean harm.

use engine_onnx::{
    Graph, ML, Message, Model, Node, OperatorSet, doubles, element, floats, ints, node, strings, value_info,
};
use ports::infer::{Datatype, Elements, Infer, Tensor, bf16, binary};

/// A model of a number and a text: one tree on both, its score made a class.
fn model() -> Model {
    let tree = node(ML, "TreeEnsembleRegressor", &["features"], "score")
        .int("n_targets", 1)
        .and(doubles("base_values_as_tensor", vec![0.5]))
        .and(ints("nodes_treeids", vec![0; 5]))
        .and(ints("nodes_nodeids", vec![0, 1, 2, 3, 4]))
        // The number, then a column each for red and blue.
        .and(ints("nodes_featureids", vec![0, 2, 0, 0, 0]))
        .and(strings("nodes_modes", ["BRANCH_LT", "BRANCH_GT", "LEAF", "LEAF", "LEAF"]))
        .and(doubles("nodes_values_as_tensor", vec![10.0, 0.5, 0.0, 0.0, 0.0]))
        .and(ints("nodes_truenodeids", vec![1, 3, 0, 0, 0]))
        .and(ints("nodes_falsenodeids", vec![2, 4, 0, 0, 0]))
        .and(ints("nodes_missing_value_tracks_true", vec![1, 0, 0, 0, 0]))
        .and(doubles("nodes_hitrates_as_tensor", vec![8.0, 6.0, 2.0, 3.0, 3.0]))
        .and(ints("target_treeids", vec![0; 3]))
        .and(ints("target_nodeids", vec![2, 3, 4]))
        .and(ints("target_ids", vec![0; 3]))
        .and(doubles("target_weights_as_tensor", vec![-4.0, 2.0, 1.0]));
    let nodes = vec![
        node(ML, "OneHotEncoder", &["colour"], "hot").and(strings("cats_strings", ["red", "blue"])),
        node("", "Flatten", &["hot"], "flat").int("axis", 1),
        node("", "Cast", &["flat"], "wide").int("to", 11),
        node("", "Concat", &["size", "wide"], "features").int("axis", 1),
        tree,
        node("", "Neg", &["score"], "less"),
        node("", "Concat", &["less", "score"], "both").int("axis", 1),
        node("", "Softmax", &["both"], "probabilities").int("axis", 1),
        node("", "ArgMax", &["probabilities"], "place").int("axis", 1).int("keepdims", 0),
        node(ML, "LabelEncoder", &["place"], "label")
            .and(ints("keys_int64s", vec![0, 1]))
            .and(strings("values_strings", ["no", "yes"])),
    ];
    whole(
        nodes,
        &[("size", element::DOUBLE, &[-1, 1]), ("colour", element::STRING, &[-1, 1])],
        &[("label", element::STRING, &[-1]), ("probabilities", element::FLOAT, &[-1, 2])],
    )
}

type Slot<'a> = (&'a str, i32, &'a [i64]);

fn whole(node: Vec<Node>, inputs: &[Slot<'_>], outputs: &[Slot<'_>]) -> Model {
    let info = |it: &Slot<'_>| value_info(it.0, it.1, it.2);
    let set = |domain: &str, version| OperatorSet { domain: domain.to_owned(), version };
    Model {
        ir_version: 8,
        opset_import: vec![set("", 17), set(ML, 3)],
        graph: Some(Graph {
            node,
            name: "test".to_owned(),
            input: inputs.iter().map(info).collect(),
            output: outputs.iter().map(info).collect(),
            ..Graph::default()
        }),
        ..Model::default()
    }
}

fn rows(sizes: Vec<f64>, colours: &[&str]) -> Vec<Tensor> {
    vec![
        Tensor { name: "size".to_owned(), shape: vec![sizes.len(), 1], elements: Elements::Fp64(sizes) },
        Tensor {
            name: "colour".to_owned(),
            shape: vec![colours.len(), 1],
            elements: Elements::Bytes(colours.iter().map(ToString::to_string).collect()),
        },
    ]
}

#[test]
fn a_row_goes_from_its_columns_to_a_label() {
    let model = super::open().load(&model().encode_to_vec()).unwrap();
    assert_eq!(model.signature().classes, ["no", "yes"]);
    let outputs = model.run(rows(vec![3.0, 30.0, f64::NAN], &["blue", "blue", "green"])).unwrap();
    let labels = ["yes", "no", "yes"].map(str::to_owned).to_vec();
    assert_eq!(outputs[0].elements, Elements::Bytes(labels));
    let Elements::Fp32(chances) = &outputs[1].elements else {
        panic!("no chances");
    };
    // Scores 2.5, -3.5 and 1.5, each against its opposite.
    for (row, score) in [2.5_f64, -3.5, 1.5].into_iter().enumerate() {
        let chance = 1.0 / (1.0 + (-2.0 * score).exp());
        assert!((f64::from(chances[row * 2 + 1]) - chance).abs() < 1e-6);
    }
}

#[test]
fn a_row_is_explained_by_its_columns() {
    let model = super::open().load(&model().encode_to_vec()).unwrap();
    let told = model.explain(rows(vec![3.0, 30.0], &["blue", "red"])).unwrap();
    // Knowing nothing: 0.5 + (6/8) * (2 + 1)/2 - (2/8) * 4.
    let base = 0.5 + 0.75 * 1.5 - 1.0;
    for (it, (class, sign, margin)) in told.iter().zip([("yes", 1.0, 2.5), ("no", -1.0, -3.5)]) {
        assert_eq!((it.class.as_deref(), it.method.as_str()), (Some(class), "tree-shap"));
        assert!((it.base - sign * base).abs() < 1e-12);
        assert!((it.margin - sign * margin).abs() < 1e-12);
        let sum = it.base + it.contributions.values().sum::<f64>();
        assert!((sum - it.margin).abs() < 1e-12);
    }
    // By hand: the colour is worth 0.375 alone and 0.5 when the size is known.
    assert!((told[0].contributions["colour"] - 0.4375).abs() < 1e-12, "{told:?}");
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let model = super::open().load(&model().encode_to_vec()).unwrap();
    let good = || rows(vec![1.0, 2.0], &["red", "red"]);
    let change = |change: fn(&mut Vec<Tensor>)| {
        let mut tensors = good();
        change(&mut tensors);
        model.run(tensors).unwrap_err()
    };
    for (error, code) in [
        (change(|it| it.truncate(1)), "tensor-missing"),
        (change(|it| it.clear()), "tensor-missing"),
        (change(|it| it[0].name = "sizes".to_owned()), "tensor-unknown"),
        (change(|it| it.push(it[0].clone())), "tensor-unknown"),
        (change(|it| it[0].elements = Elements::Fp32(vec![1.0, 2.0])), "tensor-wrong-type"),
        (change(|it| it[0].shape = vec![2]), "tensor-wrong-shape"),
        (change(|it| it[0].shape = vec![1, 2]), "tensor-wrong-shape"),
        (change(|it| it[0].shape = vec![3, 1]), "tensor-wrong-shape"),
        (change(|it| it[0].shape = vec![usize::MAX, 1]), "tensor-wrong-shape"),
        (
            change(|it| {
                *it = [rows(vec![1.0], &["red"]), rows(vec![1.0; 2], &["red"; 2])]
                    .concat()
                    .into_iter()
                    .step_by(3)
                    .collect()
            }),
            "tensor-wrong-shape",
        ),
    ] {
        assert_eq!(error.code(), code, "{error}");
    }
    assert!(model.run(rows(Vec::new(), &[])).unwrap()[0].shape == [0]);
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    for bytes in [&b""[..], b"no model", &[0xff; 64], b"{\"json\": true}"] {
        let error = super::open().load(bytes).err().expect("refused");
        assert_eq!(error.code(), "model-unreadable");
    }
    let mut loops = model();
    let graph = loops.graph.as_mut().unwrap();
    graph.node[4]
        .attribute
        .iter_mut()
        .filter(|it| it.name == "nodes_falsenodeids")
        .for_each(|it| it.ints[0] = 0);
    assert!(super::open().load(&loops.encode_to_vec()).is_err());
    let unknown = whole(
        vec![node(ML, "Oracle", &["x"], "y")],
        &[("x", element::FLOAT, &[-1, 1])],
        &[("y", element::FLOAT, &[-1, 1])],
    );
    let error = super::open().load(&unknown.encode_to_vec()).err().expect("refused");
    assert!(error.message().contains("ai.onnx.ml.Oracle"), "{error}");
}

#[test]
fn trees_without_counts_are_not_explained() {
    let mut model = model();
    let tree = &mut model.graph.as_mut().unwrap().node[4];
    tree.attribute.retain(|it| !it.name.starts_with("nodes_hitrates"));
    let model = super::open().load(&model.encode_to_vec()).unwrap();
    let error = model.explain(rows(vec![1.0], &["red"])).unwrap_err();
    assert_eq!(error.code(), "not-explainable");
}

#[test]
fn a_graph_that_doubles_forever_ends() {
    let mut nodes = Vec::new();
    for at in 0..40 {
        let (from, to) = (format!("x{at}"), format!("x{}", at + 1));
        nodes.push(node("", "Concat", &[&from, &from], &to).int("axis", 1));
    }
    let doubling = whole(nodes, &[("x0", element::BOOL, &[-1, 1])], &[("x40", element::BOOL, &[-1, -1])]);
    let model = super::open().load(&doubling.encode_to_vec()).unwrap();
    let input = Tensor { name: "x0".to_owned(), shape: vec![1, 1], elements: Elements::Bool(vec![true]) };
    assert_eq!(model.run(vec![input]).unwrap_err().code(), "model-failed");
}

/// Random numbers below a bound.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound.max(1)
    }

    fn whole(&mut self) -> i64 {
        [-1, 0, 1, 2, 3, 7, 65_536, 1 << 40, i64::MAX, i64::MIN][self.below(10)]
    }
}

/// One attribute or name of a model changed, so that the file stays well-formed.
fn twist(model: &mut Model, random: &mut Random) {
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let at = random.below(nodes.len());
    let other = nodes[random.below(nodes.len())].clone();
    let node = &mut nodes[at];
    match random.below(8) {
        0 => node.op_type = other.op_type,
        1 => node.input = other.input,
        2 => drop(node.attribute.pop()),
        3 => node.attribute.extend(other.attribute),
        _ if node.attribute.is_empty() => node.input.push(other.output[0].clone()),
        _ => {
            let attribute = random.below(node.attribute.len());
            let it = &mut node.attribute[attribute];
            it.i = random.whole();
            it.floats.push(f32::NAN);
            let place = random.below(it.ints.len());
            it.ints.splice(place..(place + 1).min(it.ints.len()), [random.whole()]);
            if let Some(tensor) = &mut it.t {
                let place = random.below(tensor.double_data.len());
                tensor.double_data[place] = [f64::NAN, f64::INFINITY, -1.0, 0.0][random.below(4)];
            }
        }
    }
}

/// Bytes changed anywhere.
fn scramble(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(9) {
            0 => bytes.truncate(at.max(1)),
            1 => bytes.insert(at, random.below(256) as u8),
            2 => drop(bytes.remove(at)),
            3..6 => bytes[at] = random.below(256) as u8,
            _ => bytes[at] ^= 1 << random.below(8),
        }
        if bytes.is_empty() {
            return;
        }
    }
}

#[test]
fn changed_bytes_never_panic() {
    let mut linear = model();
    let graph = linear.graph.as_mut().unwrap();
    graph.node[4] = node(ML, "LinearRegressor", &["filled"], "score")
        .int("targets", 1)
        .and(floats("coefficients", vec![1.0, 2.0, 3.0]))
        .and(floats("intercepts", vec![0.5]));
    let scaler = node(ML, "Scaler", &["features"], "scaled")
        .and(floats("offset", vec![1.0; 3]))
        .and(floats("scale", vec![2.0; 3]));
    let imputer = node(ML, "Imputer", &["scaled"], "filled")
        .and(floats("imputed_value_floats", vec![0.0]))
        .float("replaced_value_float", f32::NAN);
    graph.node.insert(4, imputer);
    graph.node.insert(4, scaler);
    let infer = super::open();
    let mut random = Random(1);
    let mut ran = 0;
    for whole in [model(), linear] {
        for round in 0..10_000 {
            let mut changed = whole.clone();
            if round % 2 == 0 {
                twist(&mut changed, &mut random);
            }
            let mut bytes = changed.encode_to_vec();
            if round % 2 == 1 {
                scramble(&mut bytes, &mut random);
            }
            let Ok(model) = infer.load(&bytes) else {
                continue;
            };
            let inputs = rows(vec![3.0, f64::NAN], &["blue", ""]);
            ran += usize::from(model.run(inputs.clone()).is_ok());
            let _ = model.explain(inputs);
        }
    }
    assert!(ran > 2_000, "the changes are so wild that nothing is tested: {ran}");
}

#[cfg(feature = "tract")]
#[test]
fn a_graph_that_is_not_classic_runs_too() {
    // Erf is no operator of the interpreter.
    let network = whole(
        vec![node("", "Erf", &["x"], "y")],
        &[("x", element::FLOAT, &[-1, 2])],
        &[("y", element::FLOAT, &[-1, 2])],
    );
    let model = super::open().load(&network.encode_to_vec()).unwrap();
    for rows in [1, 3] {
        let input = Tensor {
            name: "x".to_owned(),
            shape: vec![rows, 2],
            elements: Elements::Fp32(vec![1.0; rows * 2]),
        };
        let outputs = model.run(vec![input.clone()]).unwrap();
        assert_eq!(outputs[0].shape, [rows, 2]);
        let Elements::Fp32(it) = &outputs[0].elements else {
            panic!("no floats");
        };
        assert!(it.iter().all(|x| (x - 0.842_700_8).abs() < 1e-5), "{it:?}");
        assert_eq!(model.explain(vec![input]).unwrap_err().code(), "not-explainable");
    }
}

/// ONNX's number of each type that is no text.
fn numbers() -> impl Iterator<Item = (i32, Datatype)> {
    (1..=16).filter_map(|it| Some((it, crate::value::datatype(it)?))).filter(|it| it.1 != Datatype::Bytes)
}

/// Zeros and ones of a type.
fn bits(datatype: Datatype, values: &[u8]) -> Elements {
    let numbers: Vec<_> = values.iter().map(|value| serde_json::json!(value)).collect();
    struct Cells(Vec<serde_json::Value>);
    impl ports::infer::Make for Cells {
        fn all<T: ports::infer::Element>(self) -> base::Result<Vec<T>> {
            let one =
                |it: &serde_json::Value| T::from_cell(it).ok_or_else(|| base::Error::internal("no cell"));
            self.0.iter().map(one).collect()
        }
    }
    datatype.elements(Cells(numbers)).unwrap()
}

fn asked(model: &Model, elements: Elements) -> Elements {
    let loaded = super::open().load(&model.encode_to_vec()).unwrap();
    let tensor = Tensor { name: "x".to_owned(), shape: vec![elements.count()], elements };
    loaded.run(vec![tensor]).unwrap().remove(0).elements
}

#[test]
fn every_type_goes_in_and_comes_out() {
    for (element, datatype) in numbers() {
        let same = whole(
            vec![node("", "Identity", &["x"], "y")],
            &[("x", element, &[-1])],
            &[("y", element, &[-1])],
        );
        assert_eq!(asked(&same, bits(datatype, &[0, 1, 1])), bits(datatype, &[0, 1, 1]), "{datatype:?}");
        for (to, other) in numbers().filter(|it| it.1 != Datatype::Uint64) {
            // What nobody here knows is refused when it is loaded, never answered wrong.
            let cast = whole(
                vec![node("", "Cast", &["x"], "y").int("to", to.into())],
                &[("x", element, &[-1])],
                &[("y", to, &[-1])],
            );
            assert_eq!(
                asked(&cast, bits(datatype, &[0, 1, 1])),
                bits(other, &[0, 1, 1]),
                "{datatype:?} to {other:?}"
            );
        }
        if datatype == Datatype::Bool {
            continue;
        }
        let double = whole(
            vec![node("", "Add", &["x", "x"], "y")],
            &[("x", element, &[-1])],
            &[("y", element, &[-1])],
        );
        if datatype == Datatype::Int32 {
            continue;
        }
        assert_eq!(asked(&double, bits(datatype, &[0, 1, 50])), bits(datatype, &[0, 2, 100]), "{datatype:?}");
    }
}

#[test]
fn small_types_before_classic_operators_are_carried() {
    let model = whole(
        vec![
            node("", "Cast", &["x"], "wide").int("to", element::FLOAT.into()),
            node(ML, "Binarizer", &["wide"], "high"),
            node("", "Cast", &["high"], "y").int("to", element::UINT8.into()),
        ],
        &[("x", element::UINT64, &[-1])],
        &[("y", element::UINT8, &[-1])],
    );
    let told = asked(&model, Elements::Uint64(vec![0, 1, 1 << 40]));
    assert_eq!(told, Elements::Uint8(vec![0, 1, 1]));
    let loaded = super::open().load(&model.encode_to_vec()).unwrap();
    let tensor = Tensor { name: "x".to_owned(), shape: vec![1], elements: Elements::Uint64(vec![u64::MAX]) };
    assert_eq!(loaded.run(vec![tensor]).unwrap_err().code(), "tensor-wrong-type");
}

#[test]
fn constants_of_every_type_are_read() {
    for (element, datatype) in numbers() {
        let raw_data = binary::written(&bits(datatype, &[0, 1]));
        let constant =
            engine_onnx::Tensor { dims: vec![2], data_type: element, raw_data, ..Default::default() };
        let value = crate::value::Value::constant(&constant).unwrap();
        assert_eq!(value.data.leaving(datatype), bits(datatype, &[0, 1]), "{datatype:?}");
    }
    let constant = engine_onnx::Tensor {
        dims: vec![1],
        data_type: element::BFLOAT16,
        int32_data: vec![i32::from(bf16::from_f32(1.5).to_bits())],
        ..Default::default()
    };
    let value = crate::value::Value::constant(&constant).unwrap();
    assert_eq!(value.data, crate::value::Data::F32(vec![1.5]));
}
