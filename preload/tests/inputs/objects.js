// Objects, strings, buffers outside of the engine's heap, compression in its worker threads.
const zlib = require('zlib');
const list = [];
for (let i = 0; i < 100000; i++) list.push({ i, name: 'n' + i, nested: [i, { i }] });
const text = JSON.stringify(list);
console.log(text.length, JSON.parse(text).length);
const buffers = Array.from({ length: 500 }, (_, i) => Buffer.alloc(10000 + i, i));
console.log(Buffer.concat(buffers).length);
let pending = 8;
for (let i = 0; i < 8; i++)
    zlib.deflate(Buffer.from(text), (_, packed) => zlib.inflate(packed, (_, back) => {
        if (back.toString() !== text) throw new Error('damaged');
        if (--pending === 0) console.log('packed');
    }));
