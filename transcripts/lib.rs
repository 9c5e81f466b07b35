//! Scenarios that every store must play alike. Each `.txt` file beside this one is a transcript;
//! what its lines mean stands at `testing::Stage`.

#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod measuring;
#[cfg(test)]
mod monitoring;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod play;
#[cfg(test)]
mod provenance;
#[cfg(test)]
mod searching;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod views;
#[cfg(test)]
mod working;
