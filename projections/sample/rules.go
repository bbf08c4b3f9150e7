package sample

import (
	"sync"

	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
)

// Rules are those of the acts and the calendar that the program contains, and of nothing that an
// installation sets itself. It panics where they cannot be read, which their own tests tell better.
var Rules = sync.OnceValue(func() application.Rules {
	catalog, err := regulation.Load()
	if err != nil {
		panic(err)
	}
	days, err := calendar.Open()
	if err != nil {
		panic(err)
	}
	return application.Rules{Catalog: catalog, Calendars: days}
})
