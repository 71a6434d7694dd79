//! The simulated network: what it promises, and that each of its faults bites.

mod driver;

mod faults;
mod frames;
mod life;
mod links;
mod naive;
mod order;
mod same;
mod shapes;
