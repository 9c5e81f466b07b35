//! The service as its users meet it: requests, and the answers they must get.

mod bad_input;
mod data;
mod evidence;
mod quality;
mod tracking;

use testing::Stage;

/// The service with its engines, and a few small files to send.
fn stage() -> Stage {
    let penguins = include_bytes!("../../../../examples/data/penguins.csv");
    Stage::of("catalog", crate::domain())
        .with_ports(testing::engines())
        .with_file("penguins.csv", penguins)
        .with_file("empty.csv", b"")
        .with_file("header.csv", b"a,b\n")
        .with_file("ragged.csv", b"a,b\n1,2\n3\n")
        .with_file("latin.csv", b"a,b\n1,\xe9t\xe9\n")
        .with_file(
            "one-class.csv",
            b"x,y\n1,yes\n2,yes\n3,yes\n4,yes\n5,yes\n6,yes\n7,yes\n8,yes\n9,yes\n10,yes\n",
        )
        .with_file("noise.onnx", b"this is no model at all")
}
