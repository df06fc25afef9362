// Compares our counts with those of gpt-tokenizer, which shares no code with tiktoken: neither
// its merging nor its patterns nor the Unicode tables under them. Reads what `examples/counts.rs`
// writes; exits with 1 when a text differs.
//
// In three places it is not tiktoken, and is set right. Tokens that begin with U+FEFF are lost in
// how it reads and stores UTF-8: mended before anything is counted. JavaScript's `\s` has U+FEFF
// and lacks U+0085, and its pattern does not fold the long s of 'ſ: what differs is counted again
// with patterns that do as Unicode says.
'use strict';

globalThis.TextDecoder = class extends TextDecoder {
  constructor(label) {
    super(label, { ignoreBOM: true });
  }
};

const { GptEncoding } = require('gpt-tokenizer/cjs/GptEncoding');
const { getEncodingParams } = require('gpt-tokenizer/cjs/modelParams');

const PLAIN = { disallowedSpecial: new Set() };

// A token as text if it is UTF-8, which is where the library looks for it; else as bytes.
function textIfUtf8(token) {
  const bytes = Buffer.from(token);
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? text : token;
}

const encodings = ['o200k_base', 'cl100k_base'].map((name) => {
  const ranks = require(`gpt-tokenizer/cjs/bpeRanks/${name}`).default.map(textIfUtf8);
  const params = getEncodingParams(name, () => ranks);
  const pattern = params.tokenSplitRegex.source
    .replaceAll('\\s', '\\p{White_Space}')
    .replaceAll('\\S', '\\P{White_Space}')
    .replaceAll('[sS]', '[sSſ]');
  const tokenSplitRegex = new RegExp(pattern, params.tokenSplitRegex.flags);
  return {
    name,
    published: new GptEncoding(params),
    unicode: new GptEncoding({ ...params, tokenSplitRegex }),
  };
});

async function compare() {
  let texts = 0;
  let differ = 0;
  let byPattern = 0;
  const lines = require('node:readline').createInterface({ input: process.stdin });
  for await (const line of lines) {
    const [text, ...counts] = JSON.parse(line);
    texts += 1;
    const differing = (which) =>
      encodings.filter((encoding, at) => encoding[which].countTokens(text, PLAIN) !== counts[at]);
    if (differing('published').length === 0) continue;
    const wrong = differing('unicode');
    if (wrong.length === 0) {
      byPattern += 1;
      continue;
    }
    differ += 1;
    for (const { name, unicode } of wrong.slice(0, differ < 20 ? 2 : 0)) {
      const shown = JSON.stringify(text.slice(0, 200));
      console.log(`${name}: we count ${counts}, they ${unicode.countTokens(text, PLAIN)}: ${shown}`);
    }
  }
  console.log(`${texts} texts, ${differ} differ (${byPattern} only by JavaScript's \\s and 'ſ)`);
  // Nothing compared is nothing proved.
  process.exitCode = differ > 0 || texts < 10_000 ? 1 : 0;
}

compare();
