//! What the measurements share: a server of the release binary, a client that costs little, a steady load.

pub mod client;
pub mod figures;
pub mod load;
pub mod processes;
pub mod server;
