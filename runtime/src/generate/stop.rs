//! Stop texts: what could still become one is held back, and no part of one is ever given out.

/// Watches a growing text for the first stop text to be completed. The result does not depend on how the text is cut into pieces.
#[derive(Debug, Default)]
pub struct StopMatcher {
    stops: Vec<String>,
    held: String,
}

impl StopMatcher {
    /// Watches for these texts; empty ones are ignored.
    pub fn new(stops: Vec<String>) -> Self {
        Self { stops: stops.into_iter().filter(|s| !s.is_empty()).collect(), held: String::new() }
    }

    /// Adds text; what is certain not to be part of a stop text is appended to `out`. True when a stop text is complete: the answer ends in front of it.
    pub fn push(&mut self, text: &str, out: &mut String) -> bool {
        if self.stops.is_empty() {
            out.push_str(text);
            return false;
        }
        self.held.push_str(text);
        // The one that is complete first; of two at the same place, the longer.
        let found = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str()).map(|at| (at + stop.len(), at))).min();
        if let Some((_, at)) = found {
            out.push_str(&self.held[..at]);
            self.held.clear();
            return true;
        }
        let open = self.stops.iter().map(|stop| open(&self.held, stop)).max().unwrap_or(0);
        let certain = self.held.len() - open;
        out.push_str(&self.held[..certain]);
        self.held.drain(..certain);
        false
    }

    /// Ends the text: what was held back belongs to it after all.
    pub fn finish(&mut self, out: &mut String) {
        out.push_str(&self.held);
        self.held.clear();
    }
}

/// Bytes at the end of `text` that are the beginning of `stop`, at most.
fn open(text: &str, stop: &str) -> usize {
    let longest = text.len().min(stop.len() - 1);
    (1..=longest).rev().find(|&n| text.as_bytes()[text.len() - n..] == stop.as_bytes()[..n]).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Random;

    fn run(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut matcher = StopMatcher::new(stops.iter().map(|&s| s.to_owned()).collect());
        let mut out = String::new();
        for piece in pieces {
            if matcher.push(piece, &mut out) {
                return (out, true);
            }
        }
        matcher.finish(&mut out);
        (out, false)
    }

    #[test]
    fn finds_stops_across_pieces() {
        assert_eq!(run(&["END"], &["one E", "N", "D two"]), ("one ".into(), true));
        assert_eq!(run(&["END"], &["one E", "N", "d"]), ("one ENd".into(), false));
        assert_eq!(run(&["aab"], &["a", "a", "a", "b"]), ("a".into(), true));
        assert_eq!(run(&["\n\n", "b"], &["x\n", "yb"]), ("x\ny".into(), true));
        assert_eq!(run(&["abc", "b"], &["abc"]), ("a".into(), true));
        assert_eq!(run(&["é"], &["caf", "é", "!"]), ("caf".into(), true));
        assert_eq!(run(&[], &["all", ""]), ("all".into(), false));
    }

    #[test]
    fn holds_back_only_what_could_be_a_stop() {
        let mut matcher = StopMatcher::new(vec!["END".into()]);
        let mut out = String::new();
        assert!(!matcher.push("some E", &mut out));
        assert_eq!(out, "some ");
        assert!(!matcher.push("x", &mut out));
        assert_eq!(out, "some Ex");
    }

    #[test]
    fn cutting_the_text_elsewhere_changes_nothing() {
        let mut random = Random::new(11);
        for _ in 0..2000 {
            let mut word = |length: u64| (0..length).map(|_| ['a', 'b', 'é'][(random.bits() % 3) as usize]).collect::<String>();
            let (stops, text) = ([word(2), word(3)], word(14));
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let whole = run(&stops, &[&text]);
            let single: Vec<String> = text.chars().map(String::from).collect();
            let single: Vec<&str> = single.iter().map(String::as_str).collect();
            assert_eq!(run(&stops, &single), whole, "{stops:?} {text}");
            assert!(stops.iter().all(|s| !whole.0.contains(s)));
        }
    }
}
