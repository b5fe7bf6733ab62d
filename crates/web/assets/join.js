"use strict";
(() => {
  const visit = document.getElementById("visit");
  const join = document.getElementById("join");
  const status = document.getElementById("status");
  const countdown = document.getElementById("countdown");

  const messages = {
    too_early: "The room is not open yet.",
    too_late: "This appointment is over.",
    cancelled: "This appointment was cancelled.",
    room_not_ready: "The room is being prepared. Please try again in a moment.",
    not_found: "This link has expired. Please open the appointment again.",
    video_unavailable: "The video service cannot be reached. Please try again in a moment.",
  };

  for (const time of document.querySelectorAll("time[datetime]")) {
    time.textContent = new Date(time.dateTime).toLocaleString([], {
      dateStyle: "medium", timeStyle: "short",
    });
  }

  const say = (text) => { status.textContent = text; };

  const enter = async () => {
    join.disabled = true;
    say("Connecting…");
    try {
      const response = await fetch(location.pathname, { method: "POST", credentials: "omit" });
      const answer = await response.json();
      if (!response.ok) {
        join.disabled = answer.code === "cancelled" || answer.code === "too_late";
        say(messages[answer.code] || "That did not work. Please try again.");
        return;
      }
      const frame = document.createElement("iframe");
      frame.title = "Video call";
      frame.allow = "camera; microphone; autoplay; display-capture; fullscreen";
      frame.referrerPolicy = "no-referrer";
      frame.src = answer.url;
      visit.replaceChildren(frame);
      document.body.classList.add("in-room");
      frame.focus();
    } catch {
      join.disabled = false;
      say("There is no connection. Please try again.");
    }
  };

  if (join) join.addEventListener("click", enter);

  if (visit?.dataset.opensAt) {
    // The server's clock counts: a phone's may be wrong.
    const skew = Date.parse(visit.dataset.now) - Date.now();
    const opens = Date.parse(visit.dataset.opensAt);
    const tick = () => {
      const left = Math.ceil((opens - Date.now() - skew) / 1000);
      if (left <= 0) {
        clearInterval(timer);
        countdown.hidden = true;
        join.disabled = false;
        say("The room is open.");
        return;
      }
      const two = (number) => String(number).padStart(2, "0");
      const [hours, minutes] = [Math.floor(left / 3600), Math.floor((left % 3600) / 60)];
      countdown.textContent = `${hours}:${two(minutes)}:${two(left % 60)}`;
      countdown.hidden = false;
    };
    const timer = setInterval(tick, 1000);
    tick();
  }
})();
