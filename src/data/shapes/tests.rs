//! The promises of the set: the same bytes from the same seed, balance, contrast, and no easy way in.

use super::*;

#[test]
fn threads_change_nothing() {
    let one = render(7, 0, 41, 1);
    assert!([2, 3, 41, 64].into_iter().all(|threads| render(7, 0, 41, threads) == one));
    assert_ne!(render(8, 0, 41, 1), one);
}

#[test]
fn fewer_images_are_a_prefix_and_parts_differ() {
    let (more, fewer) = (generate(1, 30, 20).unwrap(), generate(1, 20, 10).unwrap());
    assert_eq!(more.train.images[..20 * SHAPE.len()], fewer.train.images[..]);
    assert_eq!(more.test.images[..10 * SHAPE.len()], fewer.test.images[..]);
    assert_ne!(fewer.train.image(0), fewer.test.image(0));
}

/// The bytes of a seed are part of the program's promise: journals name them by fingerprint.
#[test]
fn the_bytes_are_the_known_ones_on_every_machine() {
    let print = generate(SEED, 100, 10).unwrap().fingerprint();
    assert_eq!(print, "bdbed6e87333b2f75166ca2ae97320ece375db64b20417e5b92b50fbf2cb585c");
}

#[test]
fn classes_are_balanced_and_named() {
    let data = generate(3, 200, 100).unwrap();
    let count = |labels: &[u8], class| labels.iter().filter(|&&label| label == class).count();
    assert!((0..10).all(|class| count(&data.train.labels, class) == 20));
    assert!((0..10).all(|class| count(&data.test.labels, class) == 10));
    assert_eq!((data.classes.len(), data.classes[4].as_str(), data.shape), (10, "star", SHAPE));
    assert!(generate(3, 0, 10).is_err() && generate(3, 10, 0).is_err());
}

#[test]
fn no_image_is_flat_and_no_two_are_equal() {
    let data = generate(5, 500, 10).unwrap();
    let mut images: Vec<&[u8]> = (0..500).map(|i| data.train.image(i)).collect();
    for image in &images {
        let (low, high) = (image.iter().min().unwrap(), image.iter().max().unwrap());
        assert!(high - low > 60, "{low}..{high}");
    }
    images.sort_unstable();
    images.dedup();
    assert_eq!(images.len(), 500);
}

#[test]
fn colors_keep_their_contrast() {
    let mut random = Random::new(0, 0);
    for _ in 0..2000 {
        let ground = random.color();
        assert!(gap(contrasting(ground, &mut random), ground) >= CONTRAST);
    }
}

/// Softmax regression by plain loops: weights `[class, value + 1]`, one image a step.
struct Linear {
    weights: Vec<Vec<f32>>,
}

impl Linear {
    fn trained(split: &Split, epochs: usize, rate: f32) -> Self {
        let mut model = Self { weights: vec![vec![0.0; split.image(0).len() + 1]; CLASSES.len()] };
        let mut random = Random::new(11, 0);
        for _ in 0..epochs * split.len() {
            let i = random.below(split.len() as u32) as usize;
            let input = centered(split.image(i));
            let logits = model.logits(&input);
            let most = logits.iter().copied().fold(f32::MIN, f32::max);
            let powers: Vec<f32> = logits.iter().map(|v| (v - most).exp()).collect();
            let sum: f32 = powers.iter().sum();
            for (class, weights) in model.weights.iter_mut().enumerate() {
                let target = f32::from(u8::from(class == usize::from(split.labels[i])));
                let step = rate * (powers[class] / sum - target);
                weights.iter_mut().zip(&input).for_each(|(w, x)| *w -= step * x);
            }
        }
        model
    }

    fn logits(&self, input: &[f32]) -> Vec<f32> {
        let dot = |weights: &Vec<f32>| weights.iter().zip(input).map(|(w, x)| w * x).sum();
        self.weights.iter().map(dot).collect()
    }

    fn accuracy(&self, split: &Split) -> f32 {
        let right = |&i: &usize| {
            let logits = self.logits(&centered(split.image(i)));
            let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
            best == Some(usize::from(split.labels[i]))
        };
        (0..split.len()).filter(right).count() as f32 / split.len() as f32
    }
}

/// Values in -0.5..0.5, and a 1 for the bias.
fn centered(image: &[u8]) -> Vec<f32> {
    image.iter().map(|&v| f32::from(v) / 255.0 - 0.5).chain([1.0]).collect()
}

/// The class must lie in the form: no weighing of pixels finds it. That it finds anything at all in
/// the very images it learned from, and most of the digits, shows that the model does learn.
#[test]
fn a_linear_model_does_not_solve_it() {
    let data = generate(SEED, 2000, 1000).unwrap();
    let model = Linear::trained(&data.train, 6, 0.002);
    let (train, test) = (model.accuracy(&data.train), model.accuracy(&data.test));
    println!("linear model on shapes: training {train:.3}, test {test:.3}");
    assert!(test > 0.1 && test < 0.6, "test accuracy {test}");
    assert!(train > 0.15, "training accuracy {train}");

    let digits = Dataset::open("digits").unwrap();
    let accuracy = Linear::trained(&digits.train, 10, 0.02).accuracy(&digits.test);
    println!("linear model on digits: test {accuracy:.3}");
    assert!(accuracy > 0.8, "the model cannot learn: {accuracy} on digits");
}
