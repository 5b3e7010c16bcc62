//! Large buffers: pictures decoded, filtered, resized and encoded.

use allocator::{Checksum, measure};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageFormat, RgbImage};
use std::io::Cursor;

const WIDTH: u32 = 2_400;
const HEIGHT: u32 = 1_600;
const ROUNDS: u32 = 4;

fn main() {
    let picture = DynamicImage::ImageRgb8(RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        image::Rgb([(x ^ y) as u8, (x * y / 64) as u8, (x / 8 + y / 16) as u8])
    }));
    let mut file = Vec::new();
    picture.write_to(&mut Cursor::new(&mut file), ImageFormat::Png).expect("it can be encoded");
    drop(picture);
    measure(|| {
        let mut checksum = Checksum::default();
        let mut album = Vec::new();
        for round in 0..ROUNDS {
            let picture = image::load_from_memory(&file).expect("a picture");
            let turned = picture.rotate90().adjust_contrast(4.0 + round as f32);
            let small = turned.resize(900, 900, FilterType::Triangle).to_rgba8();
            let wide = imageops::crop_imm(&turned.to_rgb8(), 100, 200, 1_200, 1_200).to_image();
            let mut jpeg = Vec::new();
            JpegEncoder::new_with_quality(&mut jpeg, 80).encode_image(&wide).expect("it can be encoded");
            checksum.add((small.as_raw(), wide.as_raw(), jpeg.len()));
            album.push((small, jpeg));
        }
        (checksum.value(), album)
    });
}
