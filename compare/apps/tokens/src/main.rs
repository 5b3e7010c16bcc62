//! Byte-pair training: the pieces of the text are counted in parallel, then merged; the text is encoded with the
//! result.

use allocator::{Checksum, input, measure};
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer, TokenizerBuilder};

const VOCABULARY: usize = 3_000;
const BYTES: usize = 2_000_000;

fn main() {
    let mut room = BYTES;
    let lines: Vec<String> = input::sources()
        .iter()
        .flat_map(|source| source.lines())
        .take_while(|line| {
            room = room.saturating_sub(line.len());
            room > 0
        })
        .map(str::to_owned)
        .collect();
    measure(|| {
        let mut checksum = Checksum::default();
        let mut tokenizer = TokenizerBuilder::default()
            .with_model(BPE::default())
            .with_normalizer(None::<tokenizers::normalizers::NFC>)
            .with_pre_tokenizer(Some(ByteLevel::default()))
            .with_post_processor(Some(ByteLevel::default()))
            .with_decoder(Some(ByteLevel::default()))
            .build()
            .expect("all parts are given");
        let mut trainer = BpeTrainerBuilder::new()
            .show_progress(false)
            .vocab_size(VOCABULARY)
            .special_tokens(vec![AddedToken::from("<end>", true)])
            .build();
        tokenizer.train(&mut trainer, lines.iter()).expect("training succeeds");
        let tokenizer: Tokenizer = tokenizer.into();
        let encoded = tokenizer
            .encode_batch(lines.iter().map(String::as_str).collect::<Vec<_>>(), false)
            .expect("text can be encoded");
        encoded.iter().for_each(|line| checksum.add(line.get_ids()));
        (checksum.value(), (tokenizer, encoded))
    });
}
