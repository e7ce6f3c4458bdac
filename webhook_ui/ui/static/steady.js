/* A place for what comes and goes by itself (`steady.py`), so that nothing below it moves: what comes floats in one line
   until it is opened, what becomes less leaves its room. After a key or a press it may take its room: that was asked for. */
const ASKED_MS = 1500;
const EMPTY = 0;
let acted = -ASKED_MS;
for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => (acted = performance.now()), true);

export default {
  template: `<div class="w-steady" :class="{ 'w-folded': folded }">
    <slot></slot>
    <button v-if="folded" type="button" class="w-unfold" :aria-label="more" :title="more" @click="unfold">
      <svg viewBox="0 0 24 24" aria-hidden="true"><path :d="icon"/></svg>
    </button>
  </div>`,
  props: { more: String, icon: String },
  data: () => ({ folded: false }),
  beforeUpdate() {
    this.before = this.height();
  },
  updated() {
    const now = this.height();
    const asked = performance.now() - acted < ASKED_MS;
    if (now === EMPTY) this.folded = false;
    else if (this.before === EMPTY && !asked) this.folded = true;
    if (now === EMPTY && asked) this.$el.removeAttribute("style");
    if (this.folded || asked) return;
    if (now < this.before) this.$el.style.minHeight = `${this.before}px`;
  },
  methods: {
    height() {
      return this.$el.querySelector(".w-note") ? this.$el.offsetHeight || 1 : EMPTY;
    },
    unfold() {
      this.folded = false;
      this.$nextTick(() => this.$el.querySelector("a, button")?.focus());
    },
  },
};
