//! A sequence of steps that uses up the fuzzer's bytes. (A `Vec` would flip a coin before each element, so that most
//! inputs would be a step or two long.)

use arbitrary::{Arbitrary, Result, Unstructured};

/// What a target does, in order.
#[derive(Debug)]
pub struct Steps<T>(pub Vec<T>);

impl<'a, T: Arbitrary<'a>> Arbitrary<'a> for Steps<T> {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Steps<T>> {
        let mut steps = Vec::new();
        while !bytes.is_empty() {
            steps.push(bytes.arbitrary()?);
        }
        Ok(Steps(steps))
    }
}
