package diagram

func (c *chart) bpmn() ([]byte, error) { return nil, nil }
