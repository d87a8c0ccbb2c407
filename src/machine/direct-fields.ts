/** Fields of objects of the direct build where one is passed around, in the place of cells. */

/** A field of an object, where one is passed around. Those with a fixed name have own classes. */
export interface Field {
  value: unknown;
}

/** A field by a key that is computed. */
export class Ref implements Field {
  readonly o: Record<PropertyKey, unknown>;
  readonly k: PropertyKey;

  constructor(object: object, key: PropertyKey) {
    this.o = object as Record<PropertyKey, unknown>;
    this.k = key;
  }

  get value(): unknown {
    return this.o[this.k];
  }

  set value(value: unknown) {
    this.o[this.k] = value;
  }
}
