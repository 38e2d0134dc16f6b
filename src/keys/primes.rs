//! Large prime numbers, of which RSA keys are made: most of the time that such a key takes is spent here.
//!
//! From a random odd number on, those that a small prime divides are sieved out, so that few are left for the test of Miller and
//! Rabin, a round of which costs as much as hundreds of divisions.
//!
//! Invariant: the same stream gives the same primes. They have exactly the bits that were asked for, the two highest ones set,
//! so that a product of two has all of its bits.

use std::sync::LazyLock;

use rsa::BigUint;

use crate::sys::stream::{RngCore, Stream};

/// Small primes are below this.
const SMALL_END: usize = 1 << 16;
/// How many odd numbers are looked at before another start is drawn; among so many of 2,048 bits six are prime.
const WINDOW: usize = 1 << 12;
/// Rounds of the test with random bases. For random numbers of 512 bits and more the chance that a composite one passes is far
/// below 2⁻¹²⁸ with fewer.
const ROUNDS: usize = 16;

static SMALL: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let mut composite = vec![false; SMALL_END];
    let mut found = Vec::new();
    for number in (3..SMALL_END).step_by(2) {
        if composite[number] {
            continue;
        }
        found.push(number as u32);
        for multiple in (number * number..SMALL_END).step_by(number) {
            composite[multiple] = true;
        }
    }
    found
});

/// A random prime of so many bits, which are at least 64.
pub(super) fn prime(stream: &mut Stream, bits: usize) -> BigUint {
    loop {
        let start = draw(stream, bits);
        let number = BigUint::from_bytes_be(&start);
        let composite = sieve(&start);
        for steps in (0..WINDOW).filter(|steps| !composite[*steps]) {
            let candidate = &number + BigUint::from(2 * steps);
            if candidate.bits() != bits {
                break;
            }
            if is_prime(&candidate, stream) {
                return candidate;
            }
        }
    }
}

/// An odd number of so many bits, the two highest ones set, as big-endian bytes.
fn draw(stream: &mut Stream, bits: usize) -> Vec<u8> {
    let mut bytes = vec![0; bits.div_ceil(8)];
    stream.fill_bytes(&mut bytes);
    let last = bytes.len() - 1;
    bytes[0] &= 0xff >> (bytes.len() * 8 - bits);
    for bit in [bits - 1, bits - 2, 0] {
        bytes[last - bit / 8] |= 1 << (bit % 8);
    }
    bytes
}

/// Which of the odd numbers from a start on have a small prime as a divisor.
fn sieve(start: &[u8]) -> Vec<bool> {
    let words: Vec<u32> = start
        .rchunks(4)
        .map(|chunk| chunk.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
        .collect();
    let mut composite = vec![false; WINDOW];
    for prime in SMALL.iter().map(|prime| u64::from(*prime)) {
        let rest = words.iter().rev().fold(0, |rest, word| (rest << 32 | u64::from(*word)) % prime);
        // Half of what is missing to a multiple, modulo the prime: (prime + 1) / 2 is the inverse of 2.
        let first = (prime - rest) * prime.div_ceil(2) % prime;
        for at in (first as usize..WINDOW).step_by(prime as usize) {
            composite[at] = true;
        }
    }
    composite
}

/// The test of Miller and Rabin for an odd number.
fn is_prime(number: &BigUint, stream: &mut Stream) -> bool {
    let one = BigUint::from(1u32);
    let above = number - &one;
    let zeros = above.to_bytes_le().into_iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
    let twos = zeros.take_while(|bit| *bit == 0).count();
    let odd = &above >> twos;
    // The first round finds nearly all that are composite, whatever the base.
    let passes = |base: &BigUint| {
        let mut power = base.modpow(&odd, number);
        if power == one || power == above {
            return true;
        }
        for _ in 1..twos {
            power = &power * &power % number;
            if power == above {
                return true;
            }
        }
        false
    };
    let mut bytes = vec![0; number.bits().div_ceil(8)];
    passes(&BigUint::from(2u32))
        && (0..ROUNDS).all(|_| {
            stream.fill_bytes(&mut bytes);
            // From 2 to two below the number.
            passes(&(BigUint::from_bytes_be(&bytes) % (number - BigUint::from(3u32)) + BigUint::from(2u32)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_primes_are_known() {
        assert_eq!(SMALL.len() + 1, 6542, "as many primes are below 65,536, 2 among them");
        assert_eq!(SMALL.last(), Some(&65521));
    }

    #[test]
    fn sieving_finds_what_divides() {
        let start = draw(&mut Stream::seeded(vec![5; 32]), 96);
        let number = BigUint::from_bytes_be(&start);
        let composite = sieve(&start);
        for (steps, composite) in composite.into_iter().enumerate().take(200) {
            let number = &number + BigUint::from(2 * steps);
            let zero = BigUint::from(0u32);
            let divides = SMALL.iter().any(|prime| &number % BigUint::from(*prime) == zero);
            assert_eq!(composite, divides, "{steps}");
        }
    }

    #[test]
    fn primes_are_told_from_others() {
        let mut stream = Stream::seeded(vec![1; 32]);
        let number = |text: &str| BigUint::parse_bytes(text.as_bytes(), 10).unwrap();
        // Two Mersenne primes; a product of two, a Carmichael number, and one that is a pseudoprime to the base 2.
        for prime in ["170141183460469231731687303715884105727", "2305843009213693951"] {
            assert!(is_prime(&number(prime), &mut stream), "{prime}");
        }
        for other in ["5316911983139663487003542222693990401", "1590231231043178376951698401", "3215031751"] {
            assert!(!is_prime(&number(other), &mut stream), "{other}");
        }
    }

    #[test]
    fn the_same_stream_gives_the_same_prime_of_the_bits_asked_for() {
        for bits in [64, 65, 71, 256] {
            let made = || prime(&mut Stream::seeded(vec![bits as u8; 32]), bits);
            let found = made();
            assert_eq!((found.bits(), &found), (bits, &made()));
            assert!(&found >> (bits - 2) == BigUint::from(3u32));
        }
    }
}
