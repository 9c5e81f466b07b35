// Boxes that scroll can be reached by keyboard, and only while they do.

import type { Attachment } from "svelte/attachments";

/** Gives a box a place in the order of the Tab key as long as something of it is out of sight. */
export const scrolls: Attachment<HTMLElement> = (box) => {
  const look = (): void => {
    const hides = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    if (hides) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  };
  const observer = new ResizeObserver(look);
  observer.observe(box);
  if (box.firstElementChild) observer.observe(box.firstElementChild);
  look();
  return () => observer.disconnect();
};
