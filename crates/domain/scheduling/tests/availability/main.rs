//! The availability engine against the sample cases, the rules one by one, and random input.

#[cfg(test)]
#[path = "../../examples/slots/case.rs"]
mod case;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod several;
#[cfg(test)]
mod world;
