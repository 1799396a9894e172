// A mix of what scripts do: numbers, strings, arrays, objects, closures, sorting, regular expressions, JSON. Prints sums that
// depend on all of it, so that an engine that computes something else shows.
function sieve(limit) {
    const composite = new Uint8Array(limit + 1);
    let count = 0;
    for (let n = 2; n <= limit; n++) {
        if (composite[n]) continue;
        count++;
        for (let m = n * n; m <= limit; m += n) composite[m] = 1;
    }
    return count;
}

function words(count) {
    let state = 12345;
    const next = () => (state = (state * 1103515245 + 12345) & 0x7fffffff);
    const result = [];
    for (let i = 0; i < count; i++) {
        let word = "";
        for (let j = 0; j < 3 + (next() >> 8) % 6; j++) word += String.fromCharCode(97 + (next() >> 8) % 26);
        result.push(word);
    }
    return result;
}

class Tree {
    constructor(key) { this.key = key; this.left = null; this.right = null; }
    insert(key) {
        let node = this;
        for (;;) {
            const side = key < node.key ? "left" : "right";
            if (node[side] === null) { node[side] = new Tree(key); return; }
            node = node[side];
        }
    }
    depth() { return 1 + Math.max(this.left ? this.left.depth() : 0, this.right ? this.right.depth() : 0); }
}

function fibonacci(n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

const list = words(20000);
const counts = {};
for (const word of list) counts[word[0]] = (counts[word[0]] || 0) + 1;
const sorted = list.slice().sort();
const tree = new Tree(sorted[1000]);
for (const word of list) tree.insert(word);
const parsed = JSON.parse(JSON.stringify(list.map((word, index) => ({ word, index, square: index * index }))));
const vowels = list.join(" ").replace(/[aeiou]+/g, match => match.toUpperCase()).match(/[AEIOU]{2,}/g).length;
let series = 0;
for (let i = 1; i < 300000; i++) series += Math.sin(i) / i;

print(sieve(400000), counts.a, sorted[777], tree.depth(), parsed[19999].square, vowels, series.toFixed(9), fibonacci(25));
