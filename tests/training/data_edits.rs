//! Training images that are given another class, or left out: as if the data set had been so.

use super::*;

/// State after 12 steps, more than an epoch, of a run with these changes from step 4 on.
fn trained(gpu: &Rc<Gpu>, data: &Dataset, change: impl Fn(&mut Trainer)) -> Vec<[f32; 2]> {
    let mut trainer = trainer(gpu, data, OPTIONS);
    for step in 0..12 {
        if step == 4 {
            change(&mut trainer);
        }
        trainer.step();
    }
    history(&trainer, 1..13)
}

/// The set, in whose training order the second image is a copy of the third, and the numbers of both and of another one.
fn with_a_double() -> (Dataset, [u32; 3]) {
    let mut data = synthetic(47, 13);
    let order = data.order();
    let [from, to] = [order[2], order[1]].map(|image| image as usize);
    let len = data.shape.len();
    let copied = data.train.images[from * len..][..len].to_vec();
    std::sync::Arc::make_mut(&mut data.train.images)[to * len..][..len].copy_from_slice(&copied);
    data.train.labels[to] = data.train.labels[from];
    (data, [order[1], order[2], order[5]])
}

#[test]
fn another_image_takes_the_place_of_one_that_is_left_out() {
    let gpu = Rc::new(open_gpu());
    let (data, [first, _, other]) = with_a_double();
    let leave_out = |image: u32| {
        let gpu = &gpu;
        let data = &data;
        move || {
            trained(gpu, data, |trainer| {
                let mut edits = trainer.loader.edits().clone();
                edits.leave_out(image);
                trainer.set_data_edits(&edits);
            })
        }
    };
    let whole = trained(&gpu, &data, |_| ());
    assert_eq!(whole, leave_out(first)(), "its double stands in its place");
    assert_ne!(whole, leave_out(other)());
    assert_no_errors(&gpu);
}

#[test]
fn another_class_is_learned_as_if_the_set_had_it() {
    let gpu = Rc::new(open_gpu());
    let data = synthetic(47, 13);
    let image = data.order()[3];
    let class = (data.train.labels[image as usize] + 1) % data.classes.len() as u8;
    let mut other = data.clone();
    other.train.labels[image as usize] = class;
    let relabel = |trainer: &mut Trainer| {
        let mut edits = trainer.loader.edits().clone();
        edits.relabel(image, class);
        trainer.set_data_edits(&edits);
    };
    let from_the_start = |data: &Dataset, change: &dyn Fn(&mut Trainer)| {
        let mut trainer = trainer(&gpu, data, OPTIONS);
        change(&mut trainer);
        (0..12).for_each(|_| _ = trainer.step());
        history(&trainer, 1..13)
    };
    let stored = from_the_start(&other, &|_| ());
    assert_eq!(stored, from_the_start(&data, &relabel));
    assert_ne!(stored, from_the_start(&data, &|_| ()));
    // And back: nothing of it is left.
    let back = |trainer: &mut Trainer| {
        relabel(trainer);
        trainer.set_data_edits(&Default::default());
    };
    assert_eq!(from_the_start(&data, &|_| ()), from_the_start(&data, &back));
    assert_no_errors(&gpu);
}
