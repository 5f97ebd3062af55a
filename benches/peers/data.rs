//! What is stored and asked for: the same in every store and every run.

use std::sync::OnceLock;

/// How the keys of single gets follow one another.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    Sequential,
    Random,
    /// A few keys are asked for most of the time, with the skew (0.99) of YCSB, which scatters them over the whole range.
    Zipf,
}

impl Order {
    /// Numbers below `count`.
    pub fn keys(self, count: u64, how_many: usize) -> Vec<u64> {
        let mut numbers = Numbers(7);
        match self {
            Order::Sequential => (0..count).cycle().take(how_many).collect(),
            Order::Random => (0..how_many).map(|_| numbers.below(count)).collect(),
            Order::Zipf => {
                let zipf = Zipf::new(count);
                (0..how_many).map(|_| scatter(zipf.rank(numbers.part()), count)).collect()
            }
        }
    }
}

/// Numbers that jump about, the same in every run.
pub struct Numbers(pub u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A number from 0 up to 1.
    fn part(&mut self) -> f64 {
        self.next() as f64 / (1_u64 << 31) as f64
    }
}

/// All numbers below `count`, shuffled.
pub fn shuffled(count: u64) -> Vec<u64> {
    let (mut all, mut numbers) = ((0..count).collect::<Vec<_>>(), Numbers(5));
    for last in (1..all.len()).rev() {
        all.swap(last, usize::try_from(numbers.below(last as u64 + 1)).unwrap());
    }
    all
}

/// Ranks by Zipf's law. Source: Gray and others, "Quickly generating billion-record synthetic databases", SIGMOD 1994.
struct Zipf {
    count: f64,
    zeta: f64,
    alpha: f64,
    eta: f64,
}

const SKEW: f64 = 0.99;

impl Zipf {
    fn new(count: u64) -> Zipf {
        let zeta = |count: u64| (1..=count).map(|n| (n as f64).powf(-SKEW)).sum::<f64>();
        let (all, two) = (zeta(count), zeta(2));
        let eta = (1.0 - (2.0 / count as f64).powf(1.0 - SKEW)) / (1.0 - two / all);
        Zipf { count: count as f64, zeta: all, alpha: 1.0 / (1.0 - SKEW), eta }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and the count
    fn rank(&self, part: f64) -> u64 {
        let sum = part * self.zeta;
        if sum < 1.0 {
            0
        } else if sum < 1.0 + 0.5_f64.powf(SKEW) {
            1
        } else {
            (self.count * (self.eta * part - self.eta + 1.0).powf(self.alpha)) as u64
        }
    }
}

/// Another place for a rank, so that frequent keys do not share pages.
fn scatter(rank: u64, count: u64) -> u64 {
    rank.min(count - 1).wrapping_mul(2_654_435_761) % count
}

const LONGEST: usize = 1 << 20;
const STARTS: usize = 1 << 13;

/// Returns the value of each key: bytes that no compressor makes shorter.
pub fn values(len: usize) -> impl Fn(u64) -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = BYTES.get_or_init(|| {
        let mut numbers = Numbers(11);
        (0..LONGEST + STARTS).map(|_| numbers.next().to_le_bytes()[1]).collect()
    });
    move |key| {
        let start = usize::try_from(key % STARTS as u64).unwrap();
        &bytes[start..start + len]
    }
}
