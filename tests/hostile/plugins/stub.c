/* Something to link with. */
int hostile_stub(void);
__attribute__((visibility("default"))) int hostile_stub(void) { return 1; }
