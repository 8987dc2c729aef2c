/**
 * The only source of chance in the simulator: a seeded generator (sfc32) whose whole state is integers, so a run is a
 * function of its seed. `split` derives a child from the parent's seed and a name, never from what was already drawn:
 * an actor added, removed or silenced leaves every other actor's draws as they were, which is what lets a failing run
 * be shrunk by dropping kinds of fault one by one.
 */
export class Chance {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Two instances of the same seed draw the same; 32 bits of the seed count. */
  constructor(seed: number) {
    this.#seed = seed | 0;
    this.#a = scattered(this.#seed);
    this.#b = scattered(this.#a ^ 0x9e3779b9);
    this.#c = scattered(this.#b ^ 0x85ebca6b);
    for (let round = 0; round < 8; round++) this.#next();
  }

  /** An independent stream for this name. *Repeat*: the same name of the same parent gives the same stream again. */
  split(name: string): Chance {
    let hash = scattered(this.#seed ^ 0x2545f491);
    for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    return new Chance(scattered(hash));
  }

  /** True with this probability, 0 to 1. One draw, whatever the probability, so a changed figure shifts nothing else. */
  happens(probability: number): boolean {
    return this.#next() < probability * 4_294_967_296;
  }

  /** An integer from 0 up to but not including `n`, at most 2^32. */
  below(n: number): number {
    return Math.floor((this.#next() / 4_294_967_296) * n);
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** One member of a list that is not empty. */
  pick<Member>(list: readonly Member[]): Member {
    return list[this.below(list.length)] as Member;
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

/** The finaliser of MurmurHash3: neighbouring seeds end far apart. */
function scattered(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
