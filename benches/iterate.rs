//! Iterating a large dict through `pc_iter_next_batch`: the memory that it takes beyond the map.
//!
//! `cargo bench --bench iterate`: 10 million items; `-- ITEMS` for another number. Fails where iterating takes
//! more than 8 MiB of memory of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_precision_loss)]

use std::ffi::CString;
use std::ptr;
use std::time::Instant;

use persistent_collections::ffi::{
    PC_DURABILITY_NONE, PC_END, PC_OK, pc_batch, pc_dict, pc_dict_len, pc_dict_open, pc_dict_put_many,
    pc_env, pc_env_close, pc_env_open, pc_env_options, pc_iter, pc_iter_close, pc_iter_next_batch,
    pc_iter_open_dict,
};

/// Memory of the process that no file backs, in bytes. Source: `RssAnon` of `/proc/self/status` (proc(5)).
fn own_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn main() {
    let items: u64 =
        std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(10_000_000);
    let dir = tempfile::tempdir().unwrap();
    let path = CString::new(dir.path().join("data").to_str().unwrap()).unwrap();
    let (mut env, mut dict, mut iter) = (pc_env { id: 0 }, pc_dict { id: 0 }, pc_iter { id: 0 });
    // SAFETY: all zeros are the defaults and an empty batch; every pointer is valid for its call.
    unsafe {
        let mut options: pc_env_options = std::mem::zeroed();
        options.struct_size = size_of::<pc_env_options>();
        options.durability = PC_DURABILITY_NONE;
        assert_eq!(pc_env_open(path.as_ptr(), &raw const options, &raw mut env), PC_OK);
        let (key, value) = (c"u64".as_ptr(), c"u64".as_ptr());
        assert_eq!(pc_dict_open(env, c"dict".as_ptr(), key, value, 0, &raw mut dict), PC_OK);
        for first in (0..items).step_by(1_000_000) {
            let last = (first + 1_000_000).min(items);
            let keys: Vec<u8> = (first..last).flat_map(u64::to_be_bytes).collect();
            let values: Vec<u8> = (first..last).flat_map(|n| (n * 3).to_le_bytes()).collect();
            let count = usize::try_from(last - first).unwrap();
            let (keys, values) = (keys.as_ptr().cast(), values.as_ptr().cast());
            let status =
                pc_dict_put_many(dict, count, keys, ptr::null(), values, ptr::null(), ptr::null_mut());
            assert_eq!(status, PC_OK);
        }
        let mut len = 0;
        assert_eq!(pc_dict_len(dict, &raw mut len), PC_OK);
        assert_eq!(len, items);

        assert_eq!(pc_iter_open_dict(dict, ptr::null(), &raw mut iter), PC_OK);
        let mut batch: pc_batch = std::mem::zeroed();
        let (before, begun) = (own_memory(), Instant::now());
        let (mut seen, mut sum, mut most) = (0_u64, 0_u64, before);
        loop {
            let status = pc_iter_next_batch(iter, 0, 0, &raw mut batch);
            if status == PC_END {
                break;
            }
            assert_eq!(status, PC_OK);
            let values = std::slice::from_raw_parts(batch.values, batch.count * 8);
            for value in values.chunks_exact(8) {
                sum = sum.wrapping_add(u64::from_le_bytes(value.try_into().unwrap()));
            }
            seen += batch.count as u64;
            if seen % (1 << 20) < batch.count as u64 {
                most = most.max(own_memory());
            }
        }
        let elapsed = begun.elapsed();
        most = most.max(own_memory());
        assert_eq!(seen, items);
        assert_eq!(sum, (0..items).fold(0_u64, |sum, n| sum.wrapping_add(n * 3)));
        println!("items:                             {items:>12}");
        println!("nanoseconds an item:               {:>12.1}", elapsed.as_nanos() as f64 / items as f64);
        println!("memory beyond the map:             {:>12} bytes", most - before);
        assert!(most - before < 8 << 20, "iterating takes memory that grows");
        assert_eq!(pc_iter_close(iter), PC_OK);
        assert_eq!(pc_env_close(env), PC_OK);
    }
}
