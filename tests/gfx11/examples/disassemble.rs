//! Reads lines of hexadecimal words (one instruction a line) and prints each as text.
use std::io::BufRead;

fn main() {
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("lines");
        let words: Vec<u32> = line.split_whitespace().map(|w| u32::from_str_radix(w, 16).expect("words")).collect();
        match gfx11::decode::decode(&words) {
            Ok((body, used)) if used == words.len() => println!("{body}"),
            Ok((body, used)) => println!("{body} ; {used} words of {}", words.len()),
            Err(error) => println!("?? {error}"),
        }
    }
}
