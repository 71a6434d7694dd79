//! What a service is not.

use quorate_sm::service;

#[service]
trait Greeter {
    async fn change(&mut self);
    async fn nobody();
    fn at_once(&self) -> u64;
    async fn anything<T>(&self, what: T);
    async fn borrowed(&self, name: &str) -> String;
    async fn done(&self) {}
    #[timer]
    async fn marked(&self);
    async fn twice(&self);
    async fn twice(&self, again: bool);
    const LIMIT: u64;
}

#[service]
trait Typed<T> {}

#[service]
trait Above: Send {}

#[service(brief)]
trait Optional {}

#[service]
struct State;

fn main() {}
